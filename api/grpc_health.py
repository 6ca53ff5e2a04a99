"""`grpc.health.v1.Health`: the whole process ("") lives until it leaves; its service also needs a
broker that answers.

The two messages have one field each, so their bytes are written here by hand. There is no `Watch`:
each of its callers would keep a thread.
"""

from __future__ import annotations

import threading

import grpc
from redis.exceptions import RedisError

from core import valkey

_SERVING, _NOT_SERVING, _UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


class Health:
    """The state of this process and of the one service in it."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._leaving = threading.Event()

    def leave(self) -> None:
        """From now on nothing is served."""
        self._leaving.set()

    def handler(self) -> grpc.GenericRpcHandler:
        """The service, for `add_generic_rpc_handlers`."""
        return grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(self.check)}
        )

    def check(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """The state of the service that is asked for; NOT_FOUND for one that is not here."""
        state = self._state(request)
        if state == _UNKNOWN:
            context.abort(grpc.StatusCode.NOT_FOUND, f"this receiver has {self._service} alone")
        return state

    def _state(self, request: bytes) -> bytes:
        name = _name(request)
        if name not in ("", self._service):
            return _UNKNOWN
        if self._leaving.is_set() or (name and not _broker_answers()):
            return _NOT_SERVING
        return _SERVING


def _name(request: bytes) -> str | None:
    """The service of a HealthCheckRequest; "" for the process, None for what cannot be read."""
    if not request:
        return ""
    length = len(request) - 2
    if length not in range(128) or request[:2] != bytes((0x0A, length)):
        return None
    return request[2:].decode("utf-8", "replace")


def _broker_answers() -> bool:
    try:
        return bool(valkey.client().ping())
    except RedisError:
        return False
