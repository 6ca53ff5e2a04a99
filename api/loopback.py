"""A farm without authentication answers programs of its own machine, never a web page of elsewhere.

A page can have its own host name resolve to 127.0.0.1, and can send some requests anywhere without
asking; the Host and Origin that the browser then sends tell.
"""

from __future__ import annotations

import re

from flask import Flask, request

from api.problems import Problem
from core.settings import settings

_HOST = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?"
_OWN_HOST = re.compile(_HOST, re.IGNORECASE)
_OWN_ORIGIN = re.compile(f"https?://{_HOST}", re.IGNORECASE)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def register(app: Flask) -> None:
    """Refuse foreign hosts and origins where no key is asked for."""
    if settings().authenticated:
        return

    @app.before_request
    def _own_machine_only() -> None:
        if not _OWN_HOST.fullmatch(request.headers.get("Host", "")):
            raise Problem(
                400, "this farm asks for no key and so answers to 127.0.0.1 and localhost only"
            )
        origin = request.headers.get("Origin")
        if origin is None or request.method in SAFE_METHODS:
            return
        if not _OWN_ORIGIN.fullmatch(origin):
            raise Problem(403, "this farm asks for no key and so takes nothing from other origins")
