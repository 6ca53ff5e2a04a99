from __future__ import annotations

import email
import email.policy
import socket
from email.message import EmailMessage
from pathlib import Path

import pytest
from alert_cases import NOW
from alert_sinks import Mailbox, Make

from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from core.errors import DeliveryError
from core.http import HttpClient

TO = ["ops-team@example.com", "ann@example.com"]


def receiver(mailbox: Mailbox, **smtp: object) -> AnyReceiver:
    server = {"host": "127.0.0.1", "port": mailbox.port, "timeout": 5, **smtp}
    config = {"smtp": server, "from": "Sentinel <sentinel@example.com>", "to": TO}
    return make("here", "email-ops", "email", config, HttpClient())


def only_mail(mailbox: Mailbox) -> EmailMessage:
    (envelope,) = mailbox.mails
    assert isinstance(envelope.content, bytes)
    parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_a_mail_has_envelope_subject_and_text_with_an_html_alternative(
    mailbox: Mailbox, notification: Make
) -> None:
    assert receiver(mailbox).send(notification(), NOW).status == 250
    mail = only_mail(mailbox)
    assert mailbox.mails[0].mail_from == "sentinel@example.com"
    assert mailbox.mails[0].rcpt_tos == TO
    assert mail["Subject"] == "[FIRING:1] high-cost-alert (shop critical)"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_html_escapes_what_alerts_say(mailbox: Mailbox, notification: Make) -> None:
    receiver(mailbox).send(notification(), NOW)
    page = only_mail(mailbox).get_body(("html",))
    assert page is not None
    assert "7 &lt;b&gt;dollars&lt;/b&gt; &amp; rising" in page.get_content()


def test_the_message_id_is_the_same_in_every_attempt(mailbox: Mailbox, notification: Make) -> None:
    for _ in range(2):
        receiver(mailbox).send(notification(), NOW)
    ids = {email.message_from_bytes(mail.content)["Message-ID"] for mail in mailbox.mails}
    assert ids == {f"<{notification().dedup_key}@example.com>"}


def test_a_label_cannot_add_a_header(mailbox: Mailbox, notification: Make) -> None:
    receiver(mailbox).send(notification(application="a\r\nBcc: x@y.z\ud800"), NOW)
    mail = only_mail(mailbox)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[FIRING:1] high-cost-alert (a Bcc: x@y.z? critical)"


def test_on_loopback_the_password_may_go_without_tls(mailbox: Mailbox, notification: Make) -> None:
    receiver(mailbox, username="u", password="right").send(notification(), NOW)
    assert mailbox.logins == [(False, b"right")]


def test_elsewhere_the_password_never_goes_without_tls(
    mailbox: Mailbox, notification: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = receiver(mailbox, username="u", password="right")
    monkeypatch.setattr(type(refused.config.smtp), "loopback", False)
    with pytest.raises(DeliveryError, match="not sent in the clear") as caught:
        refused.send(notification(), NOW)
    assert caught.value.permanent
    assert not mailbox.logins


def test_a_wrong_password_is_permanent_and_is_not_shown(
    mailbox: Mailbox, notification: Make
) -> None:
    with pytest.raises(DeliveryError, match="535") as caught:
        receiver(mailbox, username="u", password="hunter22").send(notification(), NOW)
    assert (caught.value.permanent, caught.value.status) == (True, 535)
    assert "hunter22" not in f"{caught.value} {receiver(mailbox, password='hunter22').config!r}"


def test_a_password_that_cannot_be_sent_is_permanent_and_is_not_shown(
    mailbox: Mailbox, notification: Make
) -> None:
    with pytest.raises(DeliveryError, match="ASCII") as caught:
        receiver(mailbox, username="u", password="hunté22").send(notification(), NOW)
    assert caught.value.permanent
    assert "hunt" not in str(caught.value)


@pytest.mark.parametrize(
    ("refusal", "permanent"),
    [("451 4.7.1 try again later", False), ("550 5.1.1 no such user", True)],
)
def test_a_refusal_for_now_may_be_tried_again_and_one_for_good_not(
    mailbox: Mailbox, notification: Make, refusal: str, permanent: bool
) -> None:
    mailbox.refusal = refusal
    with pytest.raises(DeliveryError, match=refusal[:3]) as caught:
        receiver(mailbox).send(notification(), NOW)
    assert (caught.value.permanent, caught.value.status) == (permanent, int(refusal[:3]))


def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(
    mailbox: Mailbox, notification: Make
) -> None:
    mailbox.refusal, mailbox.only = "550 no such user", TO[1]
    delivery = receiver(mailbox).send(notification(), NOW)
    assert mailbox.mails[0].rcpt_tos == TO[:1]
    assert delivery.detail == f"accepted, but refused for {TO[1]}"


def test_a_server_that_is_not_there_may_be_tried_again(notification: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        receiver(Mailbox(port=port)).send(notification(), NOW)
    assert not caught.value.permanent


def test_required_starttls_is_insisted_on(mailbox: Mailbox, notification: Make) -> None:
    with pytest.raises(DeliveryError, match="offers no STARTTLS") as caught:
        receiver(mailbox, starttls="required").send(notification(), NOW)
    assert caught.value.permanent
    assert not mailbox.mails


@pytest.mark.parametrize("starttls", ["auto", "required"])
def test_starttls_is_taken_where_offered_and_the_password_goes_inside(
    tls_mailbox: Mailbox, notification: Make, certificate: tuple[Path, Path], starttls: str
) -> None:
    smtp = {"starttls": starttls, "ca_file": str(certificate[0]), "password": "right"}
    receiver(tls_mailbox, username="u", **smtp).send(notification(), NOW)
    assert tls_mailbox.logins == [(True, b"right")]
    assert len(tls_mailbox.mails) == 1


def test_a_certificate_nobody_vouches_for_is_refused(
    tls_mailbox: Mailbox, notification: Make
) -> None:
    with pytest.raises(DeliveryError, match="certificate") as caught:
        receiver(tls_mailbox).send(notification(), NOW)
    assert caught.value.permanent


def test_starttls_never_does_without(tls_mailbox: Mailbox, notification: Make) -> None:
    receiver(tls_mailbox, starttls="never").send(notification(), NOW)
    assert len(tls_mailbox.mails) == 1
