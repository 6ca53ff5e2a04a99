"""Sends by apprise, in a process of its own: `python -m alerts.long_tail`, a JSON order on stdin.

apprise opens its own connections, so the rule on private addresses is put under them here, where
sockets connect; and what a plug-in does to its process ends with that process.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

from core.http import is_public

REFUSED = "is a private address, which is refused; set OUTBOUND_ALLOW_PRIVATE=true to allow it"
_refused: list[str] = []
_CODE = re.compile(r"error=(\d{3})\b")


def guard() -> None:
    """From now on sockets of this process reach public addresses only, whatever they are called."""
    kind: Any = socket.socket
    for name in ("connect", "connect_ex", "sendto"):
        setattr(kind, name, _guarded(getattr(kind, name)))


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            *before, address = arguments
            return original(self, *before, _public(self.family, address))
        return original(self, *arguments)

    return checked


def _public(family: int, address: tuple[Any, ...]) -> tuple[Any, ...]:
    host, port, *rest = address
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    for *_, target in found:
        if is_public(str(target[0])):
            return (target[0], port, *rest)
    _refused.append(f"{host} {REFUSED}")
    raise OSError(_refused[-1])


def sent(order: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of each URL: `ok`, `status` if an answer had one, and the words about it."""
    import apprise

    outcomes = []
    asset = apprise.AppriseAsset(secure_logging=True, storage_mode="memory", async_mode=False)
    for url in order["urls"]:
        one = apprise.Apprise(asset=asset)
        one.add(url)
        capture: Any = apprise.LogCapture
        with capture(level=apprise.logging.WARNING, fmt="%(message)s") as log:
            done = one.notify(
                title=order["title"],
                body=order["text"],
                notify_type=apprise.NotifyType(order["kind"]),
                body_format=apprise.NotifyFormat.TEXT,
            )
            said = " ".join([*log.getvalue().split(), *_refused])
            _refused.clear()
        code = _CODE.search(said)
        outcomes.append({"ok": bool(done), "status": int(code[1]) if code else None, "said": said})
    return outcomes


def main() -> None:
    """Read the order, answer with JSON on stdout."""
    order = json.load(sys.stdin)
    if not order["allow_private"]:
        guard()
    json.dump(sent(order), sys.stdout)


if __name__ == "__main__":
    main()
