"""Log lines as JSON objects (or plain text), with the context of the request or task.

Fields: `timestamp, level, service, message` and whatever the event has. Never put a prompt, a
secret or a token into an event.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from core.settings import settings

_NOISY = (
    "alembic",
    "httpx",
    "httpcore",
    "kombu",
    "amqp",
    "celery.worker.strategy",
    "celery.app.trace",
    "celery.beat",
)

_context: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)


class _Lines(JsonFormatter):
    def __init__(self, service: str) -> None:
        super().__init__("%(message)s")
        self.service = service

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        moment = datetime.fromtimestamp(record.created, UTC)
        log_data["timestamp"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname
        log_data["service"] = self.service
        log_data["logger"] = record.name
        log_data.update(_context.get() or {})
        super().add_fields(log_data, record, message_dict)


def configure(service: str) -> None:
    """Send every log line of this process to stderr in the configured format."""
    chosen = settings()
    handler = logging.StreamHandler(sys.stderr)
    if chosen.log_format == "json":
        handler.setFormatter(_Lines(service))
    else:
        handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {service} %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(chosen.log_level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Add these fields to every line logged inside the block."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)
