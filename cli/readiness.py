"""Waiting until the farm is ready, and saying what is in the way when it is not."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

import httpx

from cli.supervision import Supervisor
from core.errors import SentinelError
from core.ports import accepts

_PAUSE = 0.1
_ATTEMPTS = 3
_TAIL = 12
_GOOD = frozenset({"ok", "up", "ready", "true", "pass", "healthy"})


class NotReady(SentinelError):
    """The farm did not become ready; its logs say why."""


def wait(
    client: httpx.Client,
    supervisor: Supervisor,
    ports: Iterable[tuple[str, int]],
    *,
    timeout: float,
) -> None:
    """Return when `/ready` answers 200 and every port takes connections.

    Raises NotReady with the check and the log at fault.
    """
    deadline = time.monotonic() + timeout
    attempts: defaultdict[str, set[int]] = defaultdict(set)
    document: object = None
    while True:
        ready, answered = _ask(client)
        if ready and all(accepts(host, port) for host, port in ports):
            return
        document = answered or document
        states = supervisor.states()
        for one in states:
            attempts[one.name] |= {one.pid} - {0}
        broken = [name for name, pids in attempts.items() if len(pids) > _ATTEMPTS]
        if broken or time.monotonic() > deadline:
            failing = broken or [one.name for one in states if one.failing]
            raise NotReady(explain(document, supervisor, failing))
        time.sleep(_PAUSE)


def explain(document: object, supervisor: Supervisor, failing: list[str]) -> str:
    """The failing checks of `/ready`, and the last lines of the programs that do not run."""
    checks = list(failing_checks(document))
    if not checks:
        checks = ["the API does not answer" if document is None else "a port is not served"]
    lines = [f"not ready: {', '.join(checks)}"]
    for name in failing or ["api"]:
        lines.append(f"last lines of {supervisor.log(name)}:")
        lines += [f"    {line}" for line in _last_lines(supervisor, name)]
    return "\n".join(lines)


def failing_checks(document: object) -> Iterator[str]:
    """Names, with what was said of them, of the checks in a `/ready` answer that are not good."""
    checks = document.get("checks") if isinstance(document, dict) else None
    if isinstance(checks, dict):
        for name, said in checks.items():
            if not _good(said):
                yield f"{name} ({_told(said)})"


def _good(said: object) -> bool:
    if isinstance(said, dict):
        return _good(next((said[key] for key in ("ok", "ready", "status") if key in said), False))
    return str(said).lower() in _GOOD


def _told(said: object) -> str:
    if isinstance(said, dict):
        for key in ("reason", "detail", "error", "message", "status"):
            if said.get(key):
                return str(said[key])
    return str(said)


def _ask(client: httpx.Client) -> tuple[bool, object]:
    try:
        answer = client.get("/ready", timeout=3)
        return answer.status_code == httpx.codes.OK, answer.json()
    except (httpx.HTTPError, ValueError):
        return False, None


def _last_lines(supervisor: Supervisor, name: str) -> list[str]:
    try:
        text = supervisor.log(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ["(no log)"]
    return text.strip().splitlines()[-_TAIL:] or ["(empty)"]
