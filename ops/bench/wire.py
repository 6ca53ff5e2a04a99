"""HTTP over a raw keep-alive socket, just enough for a benchmark against a server of ours.

The load generator shares the cores with what it measures. httpx spends more than a millisecond
on a request and http.client about 0.2 ms, most of it on parsing headers; this spends some 20 µs.
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TIMEOUT = 90.0


class Reply(NamedTuple):
    """An answer; status 0 when the connection was lost."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def request(
    method: str,
    path: str,
    key: str = "",
    body: Any = None,
    prefer: str = "",
    kind: str = "application/json",
) -> bytes:
    """The bytes of a request, whose body is of this kind; what is not bytes is written as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"X-API-Key: {key}")
    if prefer:
        lines.append(f"Prefer: {prefer}")
    content = b""
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection:
    """One connection that is opened again when the server closed it."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._address = (place.hostname or "127.0.0.1", place.port or 80)
        self._buffer = b""
        self.socket = self._open()

    def _open(self) -> socket.socket:
        made = socket.create_connection(self._address, timeout=TIMEOUT)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def reopen(self) -> None:
        """Start over with a new socket and nothing read."""
        self.socket.close()
        self._buffer = b""
        self.socket = self._open()

    def send(self, data: bytes) -> None:
        """Write a request."""
        self.socket.sendall(data)

    def receive(self) -> Reply | None:
        """Read once; the reply when it is complete, else None."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            return Reply(0, b"")
        self._buffer += data
        head, gap, rest = self._buffer.partition(b"\r\n\r\n")
        if not gap:
            return None
        found = _LENGTH.search(head)
        if found is None:
            raise ValueError("the server answered without a Content-Length")
        if len(rest) < int(found[1]):
            return None
        self._buffer = b""
        return Reply(int(head[9:12]), rest)

    def call(self, data: bytes) -> Reply:
        """Send a request and wait for its reply."""
        self.send(data)
        while (reply := self.receive()) is None:
            pass
        return reply
