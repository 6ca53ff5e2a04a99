"""Where alerts arrive in tests: a real SMTP server and a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from core.ports import free_port


class Sinks:
    """What has arrived so far: mails, and HTTP posts by path."""

    def __init__(self, smtp_port: int) -> None:
        self.smtp_port = smtp_port
        self.http_port = 0
        self.mails: list[Message] = []
        self.refused_once: set[str] = set()
        self.posts: dict[str, list[tuple[dict[str, str], bytes]]] = {}

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused_once:
            self.refused_once.remove(address)
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    def posted(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.posts.get(path, [])]

    def alerts_yaml(self) -> str:
        return f"""
routing:
  - match: {{severity: warning}}
    receivers: [mail, chat, hook]
    repeat_interval: 1h
receivers:
  - name: mail
    type: email
    config:
      smtp: {{host: 127.0.0.1, port: {self.smtp_port}}}
      from: sentinel@example.com
      to: [ops@example.com]
  - name: chat
    type: slack
    config: {{webhookUrl: "http://127.0.0.1:{self.http_port}/slack", channel: "#ops"}}
  - name: hook
    type: webhook
    config: {{url: "http://127.0.0.1:{self.http_port}/hook"}}
"""


@contextmanager
def open_sinks() -> Iterator[Sinks]:
    """Both servers, listening."""
    sinks = Sinks(free_port())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sinks.posts.setdefault(self.path, []).append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sinks.http_port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    controller = Controller(sinks, hostname="127.0.0.1", port=sinks.smtp_port)
    controller.start()
    try:
        yield sinks
    finally:
        controller.stop()
        server.shutdown()
        server.server_close()
        thread.join()
