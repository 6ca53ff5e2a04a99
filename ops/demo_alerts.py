"""Four alerts of a made-up company: a mail as it arrives, and why each was told as it was.

python -m ops.demo_alerts                  in stores of its own, that vanish; prints what it shows
python -m ops.demo_alerts --write docs     also writes the pictures and the part of
                                           docs/alerts_receivers.md that shows them
"""

from __future__ import annotations

import base64
import os
import random
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click

MARK = "<!-- shown: made by `python -m ops.demo_alerts --write docs` -->"
APPLICATIONS = {
    "shop-assistant": 6.0,
    "support-chat": 4.0,
    "code-helper": 5.0,
    "contract-search": 2.0,
}
WINDOWS = 40
RUNBOOK = "https://wiki.example.com/runbooks/model-costs"
DETECTORS = f"""
detectors:
  - id: cost-spike
    type: statistical
    config: {{metric: cost, strategy: zscore, threshold: 4, window: 5m, group_by: [application]}}
    actions:
      - {{alert: cost-spike, severity: warning, annotations: {{runbook_url: "{RUNBOOK}"}}}}
"""
ALERTS = """
route:
  receiver: chat-room
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1m
  repeat_interval: 4h
  routes:
    - matchers: [application="shop-assistant"]
      receiver: mail-shop
    - matchers: [severity="critical"]
      receiver: pager
    - matchers: [application=~"contract.*"]
      receiver: legal
receivers:
  - name: mail-shop
    type: email
    config:
      smtp: {{host: localhost, port: {smtp}, starttls: required, ca_file: {ca}, username: farm,
             password: "${{SMTP_PASSWORD}}"}}
      from: "Sentinel <sentinel@example.com>"
      to: shop-ops@example.com
  - {{name: chat-room, type: webhook, config: {{url: "http://127.0.0.1:{http}/chat"}}}}
  - {{name: pager, type: webhook, config: {{url: "http://127.0.0.1:{http}/pager"}}}}
  - {{name: legal, type: webhook, config: {{url: "http://127.0.0.1:{http}/legal"}}}}
"""


class Mailbox:
    """Keeps the mails of those who logged in over TLS."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.secured: list[str] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        import email
        import email.policy

        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        cipher = (session.ssl or {}).get("cipher")
        self.secured.append(f"{cipher[1]} by STARTTLS, after AUTH" if cipher else "plain text")
        return "250 taken"

    def login(self, _server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=data.password == b"a demo password")


@contextmanager
def mail_server(folder: Path) -> Iterator[tuple[Mailbox, int, Path]]:
    """With STARTTLS and AUTH on loopback: what it got, its port, its certificate."""
    from aiosmtpd.controller import Controller

    from core.ports import free_port

    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *made, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    box, port = Mailbox(), free_port()
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        server_hostname="localhost",
        tls_context=context,
        authenticator=box.login,
        auth_required=True,
    )
    server.start()
    try:
        yield box, port, cert
    finally:
        server.stop()


@contextmanager
def web_server() -> Iterator[int]:
    """Takes every post; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


def traffic(now: datetime) -> None:
    """Ten events a window, whose cost grows fivefold in the last one."""
    from core.database import unit_of_work

    chance = random.Random(7)  # made-up traffic
    with unit_of_work() as work:
        for application, usual in APPLICATIONS.items():
            for place in range(WINDOWS):
                factor = 5.0 if place == 0 else 1.0
                cost = usual * factor * chance.uniform(0.85, 1.15)
                for number in range(10):
                    work.execute(
                        "INSERT INTO telemetry (ts, event_id, application_id, event_type, status,"
                        " cost, received_at) VALUES (:ts, :id, :application, 'llm.response',"
                        " 'success', :cost, :ts)",
                        ts=now - timedelta(minutes=5 * place, seconds=20 * number + 30),
                        id=f"{place}-{number}",
                        application=application,
                        cost=cost / 10,
                    )


def silence(now: datetime) -> None:
    """The lawyers asked for quiet."""
    from alerts.matchers import parse
    from alerts.silences import Silence
    from workers import silences

    asked = Silence(
        "",
        parse('application="contract-search"'),
        now,
        now + timedelta(hours=2),
        "ann",
        "bulk import of contracts, OPS-1742",
    )
    silences.create(asked, "default", now)


def told(mailbox: Mailbox) -> dict[str, str]:
    """The text of `why` by the application of the alert, once the mail is there."""
    import time

    from alerts.why_words import text
    from core.database import query
    from workers.why import why

    until = time.monotonic() + 30
    while not mailbox.mails and time.monotonic() < until:
        time.sleep(0.1)
    now = datetime.now(UTC)
    rows = query("SELECT id, labels FROM alerts ORDER BY id")
    return {row["labels"]["application"]: text(why(row["id"], "default", now)) for row in rows}


def readable(mail: EmailMessage) -> str:
    """The HTML of a mail with its pictures put in, for a browser."""
    page = mail.get_body(("html",))
    assert page is not None
    shown = str(page.get_content())
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            data = base64.b64encode(part.get_payload(decode=True)).decode()
            cid = str(part["Content-ID"]).strip("<>")
            shown = shown.replace(f"cid:{cid}", f"data:image/png;base64,{data}")
    return shown


def headers(mail: EmailMessage, secured: str) -> str:
    """The headers and the shape of a mail as received."""
    lines = [f"{name}: {value}" for name, value in mail.items()]
    parts = ["", f"received over {secured}", "parts:"]
    depth = {id(mail): 0}
    for part in mail.walk():
        level = depth[id(part)]
        size = "" if part.is_multipart() else f", {len(part.get_payload(decode=True))} bytes"
        cid = f", {part['Content-ID']}" if part["Content-ID"] else ""
        parts.append(f"{'  ' * (level + 1)}{part.get_content_type()}{size}{cid}")
        if part.is_multipart():
            depth |= {id(child): level + 1 for child in part.get_payload()}
    return "\n".join([*lines, *parts])


def shown(mail: EmailMessage, secured: str, reasons: dict[str, str]) -> str:
    """The part of the page that shows it all."""
    text = mail.get_body(("plain",))
    assert text is not None
    blocks = [
        ("A mail as received", headers(mail, secured)),
        ("Its text", text.get_content().replace("\r\n", "\n").strip()),
        ("`why` of a delivered alert", reasons["shop-assistant"].strip()),
        ("`why` of a grouped alert", reasons["support-chat"].strip()),
        ("`why` of a muted alert", reasons["contract-search"].strip()),
    ]
    out = [MARK, ""]
    for title, block in blocks:
        out += [f"### {title}", "", "```", block, "```", ""]
        if title == "A mail as received":
            out += [
                "![The mail in a browser at 640 pixels](pictures/alert_mail.png)",
                "",
                "![The mail at the width of a phone](pictures/alert_mail_phone.png)",
                "",
            ]
    return "\n".join(out)


@click.command()
@click.option("--write", "docs", type=click.Path(path_type=Path), help="The folder of documents.")
def main(docs: Path | None) -> None:
    """Make the alerts, deliver them, and show what came of it."""
    os.environ.setdefault("AUTH_SECRET", "only for the demonstration of alerts, 32 bytes")
    from core.embedded import EmbeddedStores

    with tempfile.TemporaryDirectory() as folder, web_server() as http:
        home = Path(folder)
        with mail_server(home) as (mailbox, smtp, ca), EmbeddedStores(home / "stores") as stores:
            (home / "detectors.yaml").write_text(DETECTORS, encoding="utf-8")
            rules = ALERTS.format(smtp=smtp, http=http, ca=ca)
            (home / "alerts.yaml").write_text(rules, encoding="utf-8")
            os.environ.update(
                DATABASE_URL=stores.database_url,
                REDIS_URL=stores.redis_url,
                DETECTORS_FILE=str(home / "detectors.yaml"),
                ALERTS_FILE=str(home / "alerts.yaml"),
                EXTERNAL_URL="https://sentinel.example.com",
                SMTP_PASSWORD="a demo password",
            )
            reasons = _played(stores.database_url, mailbox)
    mail, secured = mailbox.mails[0], mailbox.secured[0]
    page = shown(mail, secured, reasons)
    click.echo(page)
    if docs is not None:
        _write(docs, mail, page)


def _played(database_url: str, mailbox: Mailbox) -> dict[str, str]:
    import migrations
    from workers import delivery, detection

    migrations.upgrade(database_url)
    now = datetime.now(UTC)
    traffic(now)
    silence(now)
    delivery.warm()
    detection.tick()
    return told(mailbox)


def _write(docs: Path, mail: EmailMessage, page: str) -> None:
    from ops.browser import photographed

    pictures = docs / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / "alert_mail.png").write_bytes(photographed(readable(mail), 680))
    (pictures / "alert_mail_phone.png").write_bytes(photographed(readable(mail), 390))
    target = docs / "alerts_receivers.md"
    kept = target.read_text(encoding="utf-8").partition(MARK)[0] if target.exists() else ""
    target.write_text(kept + page, encoding="utf-8")


if __name__ == "__main__":
    main()
