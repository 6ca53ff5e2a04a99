from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from alert_cases import NOW

from alerts.nouns import Alert, Notification
from core.http import HttpClient


@dataclass
class Sink:
    """An HTTP endpoint that answers as told and keeps what it got."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"ok"
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def sink() -> Iterator[Sink]:
    told = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.requests.append((self.path, headers, body))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/hidden-token"
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def http() -> HttpClient:
    return HttpClient(allow_private=True, timeout=5)


@dataclass
class Mailbox:
    """An SMTP server that answers as told and keeps the envelopes."""

    port: int = 0
    refusal: str = ""
    only: str = ""
    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bool, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusal and self.only in ("", address):
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 OK"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((session.ssl is not None, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


class Loopback(Controller):
    """aiosmtpd on a free port of 127.0.0.1."""

    def factory(self) -> SMTP:
        return SMTP(self.handler, hostname="localhost", **self.SMTP_kwargs)


def _served(mailbox: Mailbox, **options: object) -> Loopback:
    with socket.create_server(("127.0.0.1", 0)) as free:
        mailbox.port = free.getsockname()[1]
    server = Loopback(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    server.start()
    return server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    told = Mailbox()
    server = _served(told, authenticator=told.login, auth_require_tls=False)
    yield told
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert), "-days", "2"]
    subprocess.run([openssl, *make, *files], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def tls_mailbox(certificate: tuple[Path, Path]) -> Iterator[Mailbox]:
    told = Mailbox()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = _served(told, authenticator=told.login, tls_context=context)
    yield told
    server.stop()


Make = Callable[..., Notification]


@pytest.fixture
def notification() -> Make:
    """Makes a notification of one firing and, where asked, one resolved alert."""

    def make(*, resolved: bool = False, firing: bool = True, **labels: str) -> Notification:
        named = {"alertname": "high-cost-alert", "severity": "critical", "application": "shop"}
        began = NOW - timedelta(minutes=3)
        text = {"summary": "cost was 7 <b>dollars</b> & rising"}
        alerts = [Alert(named | labels, began, NOW, None, text)] if firing else []
        if resolved:
            alerts.append(Alert(named | {"model": "m2"}, began, NOW, NOW, {}))
        return Notification(
            receiver="it",
            group_key="{}:{}",
            group_labels={"alertname": "high-cost-alert"},
            alerts=tuple(alerts),
            at=NOW,
            dedup_key=base64.b16encode(b"stable-key").decode().lower(),
            reason="first notification",
        )

    return make
