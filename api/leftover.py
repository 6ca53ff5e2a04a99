"""The rest of a request's body that nobody read, because the answer was clear before its end.

Gunicorn throws away at most 64 KiB of it and then closes the connection, although its answer has
promised to keep it open: the client's next request would meet a closed door. And a client that is
still sending into a closed connection is reset, often before it has read why. So the rest is read
here first, within bounds; only past them does the connection close, and the answer says so.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

MOST_BYTES = 128 * 1024 * 1024
"""Twice the largest body that any route takes."""
MOST_SECONDS = 5.0
_STEP = 64 * 1024

_current = threading.local()


def remember(worker: Any, message: Any) -> None:
    """Gunicorn's hook `pre_request`: this thread now answers this request."""
    _current.message = message


def register(app: Flask) -> None:
    """Leave no unread body behind an answer, or close the connection in words."""

    @app.after_request
    def _clear(answer: Response) -> Response:
        sent = request.content_length or request.headers.get("Transfer-Encoding")
        message = getattr(_current, "message", None)
        if sent and message is not None and not _drained(request.environ["gunicorn.socket"]):
            message.force_close()
        return answer


def _drained(connection: Any) -> bool:
    """Whether the body ended within the bounds."""
    stop, left, usual = time.monotonic() + MOST_SECONDS, MOST_BYTES, connection.gettimeout()
    if (request.content_length or 0) > left:
        return False
    try:
        while left > 0 and (time_left := stop - time.monotonic()) > 0:
            connection.settimeout(time_left)
            read = len(request.stream.read(_STEP))
            if not read:
                return True
            left -= read
        return False
    except (OSError, HTTPException, ParseException):
        return False
    finally:
        connection.settimeout(usual)
