"""Mail over SMTP."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr

from alerts.curves import picture
from alerts.nouns import Delivery, Notification
from alerts.receivers.base import Receiver, Settings, Strict
from alerts.retry import Retry
from core.errors import DeliveryError


def _address(value: str) -> str:
    plain = value.strip()
    local, _, domain = parseaddr(plain)[1].rpartition("@")
    if not (local and domain and plain.isprintable()):
        raise ValueError("must be a mail address such as ops@example.com")
    return plain


def _several(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in value.split(",") if part.strip())
    return value


Address = Annotated[str, AfterValidator(_address)]


class Smtp(Strict):
    """`starttls`: auto takes it where offered, required insists, never does without.

    Port 465 speaks TLS from the first byte.
    """

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    username: str = ""
    password: SecretStr = SecretStr("")
    starttls: Literal["auto", "required", "never"] = "auto"
    ca_file: FilePath | None = None
    timeout: Annotated[float, Field(gt=0, le=120)] = 15.0

    @property
    def loopback(self) -> bool:
        """True when the server is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class EmailConfig(Settings):
    """`from` is one address, `to` one, several with commas, or a list."""

    smtp: Smtp
    sender: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[Address, ...], BeforeValidator(_several), Field(min_length=1)]


class Email(Receiver[EmailConfig]):
    """Sends text with an HTML alternative, in which a picture shows the metric of the anomaly.

    The password goes over TLS or to this machine only. `Message-ID` is the same in every attempt,
    and later mails about a group refer to its first.
    """

    type = "email"
    Config = EmailConfig
    retry = Retry(first=5.0, longest=900.0)
    parts: ClassVar[Mapping[str, str]] = {
        "title": "title.txt",
        "text": "text.txt",
        "html": "page.html",
    }
    curves = 5

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        mail = self._mail(notification, now)
        host = self.config.smtp.host
        try:
            server = self._connected()
            try:
                self._secure(server)
                refused = server.send_message(mail)
            finally:
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    server.quit()
        except smtplib.SMTPRecipientsRefused as problem:
            codes = [code for code, _ in problem.recipients.values()]
            raise self._error("refused every recipient", codes, problem) from None
        except smtplib.SMTPResponseException as problem:
            raise self._error("refused the mail", [problem.smtp_code], problem) from None
        except smtplib.SMTPNotSupportedError as problem:
            raise self._error("cannot take the mail", [500], problem) from None
        except UnicodeError:
            raise DeliveryError(
                f"{host}: username, password and addresses must be ASCII here", permanent=True
            ) from None
        except ssl.SSLCertVerificationError as problem:
            reason = problem.verify_message
            raise DeliveryError(
                f"the certificate of {host} is not trusted: {reason}", permanent=True
            ) from None
        except (OSError, smtplib.SMTPException) as problem:
            reason = self._redacted(str(problem) or type(problem).__name__)
            raise DeliveryError(f"{host} cannot be reached: {reason}", permanent=False) from None
        if refused:
            return Delivery(250, f"accepted, but refused for {', '.join(sorted(refused))}")
        return Delivery(250, f"accepted by {host} for {', '.join(self.config.to)}")

    def _connected(self) -> smtplib.SMTP:
        smtp = self.config.smtp
        if smtp.port == 465:
            return smtplib.SMTP_SSL(
                smtp.host, smtp.port, timeout=smtp.timeout, context=self._context()
            )
        return smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.config.smtp.ca_file)

    def _secure(self, server: smtplib.SMTP) -> None:
        """STARTTLS and AUTH as configured and offered."""
        smtp = self.config.smtp
        encrypted = isinstance(server, smtplib.SMTP_SSL)
        server.ehlo_or_helo_if_needed()
        if not encrypted and smtp.starttls != "never":
            if server.has_extn("starttls"):
                server.starttls(context=self._context())
                server.ehlo()
                encrypted = True
            elif smtp.starttls == "required":
                raise DeliveryError(
                    f"{smtp.host} offers no STARTTLS, which the configuration requires",
                    permanent=True,
                )
        if not smtp.username:
            return
        if not (encrypted or smtp.loopback):
            raise DeliveryError(
                f"{smtp.host} offers no TLS; the password is not sent in the clear", permanent=True
            )
        server.login(smtp.username, smtp.password.get_secret_value())

    def _mail(self, notification: Notification, now: datetime) -> EmailMessage:
        domain = parseaddr(self.config.sender)[1].rpartition("@")[2]
        pictures = {
            one: f"{one}@{domain}"
            for one in list(notification.context.curves)[: self.curves]
            if len(notification.context.curves[one].points) > 1
        }
        plain = self.view(notification)
        page = self.view(
            notification, pictures={one: f"cid:{cid}" for one, cid in pictures.items()}
        )
        mail = EmailMessage()
        mail["Subject"] = plain["title"]
        mail["From"] = self.config.sender
        mail["To"] = ", ".join(self.config.to)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{notification.dedup_key}@{domain}>"
        if thread := [f"<{key}@{domain}>" for key in notification.context.thread]:
            mail["In-Reply-To"] = thread[-1]
            mail["References"] = " ".join(thread)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self.templates.render("text", plain))
        mail.add_alternative(self.templates.render("html", page), subtype="html")
        html = mail.get_body(("html",))
        assert isinstance(html, EmailMessage)
        for one, cid in pictures.items():
            drawn = picture(notification.context.curves[one])
            html.add_related(drawn, "image", "png", cid=f"<{cid}>", disposition="inline")
        return mail

    def _error(self, what: str, codes: Iterable[int], problem: Exception) -> DeliveryError:
        """Retryable as long as one answer was a 4xx."""
        lowest = min(codes)
        return DeliveryError(
            f"{self.config.smtp.host} {what}: {self._redacted(_said(problem))}",
            permanent=lowest >= 500,
            status=lowest,
        )

    def _redacted(self, text: str) -> str:
        password = self.config.smtp.password.get_secret_value()
        return text.replace(password, "***") if password else text


def _said(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        parts = [f"{code} {_text(said)}" for code, said in problem.recipients.values()]
        return "; ".join(dict.fromkeys(parts))
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {_text(problem.smtp_error)}"
    return str(problem)


def _text(said: bytes | str) -> str:
    plain = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(plain.split())[:200]
