"""Errors as RFC 9457 problem documents: what is wrong, which field, what to do next."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from core.errors import BadInput, Conflict, NotFound, Overloaded, SentinelError, Unavailable

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5


class Problem(SentinelError):
    """An answer that is an error, with its status."""

    def __init__(
        self, status: int, detail: str, *, field: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.headers = headers or {}


TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Request body too large",
    415: "Unsupported media type",
    422: "Input not acceptable",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "No answer in time",
}


def problem(
    status: int,
    detail: str,
    *,
    field: str = "",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "request_id": g.get("request_id", ""),
        **more,
    }
    if field:
        body["field"] = field
    answer = Response(json.dumps(body), status=status, content_type="application/problem+json")
    answer.headers.update(headers or {})
    return answer


def register(app: Flask) -> None:
    """Turn every exception of a view into a problem document."""

    @app.errorhandler(Problem)
    def _problem(error: Problem) -> Response:
        return problem(error.status, str(error), field=error.field, headers=error.headers)

    @app.errorhandler(BadInput)
    def _bad_input(error: BadInput) -> Response:
        return problem(422, str(error), field=error.field)

    @app.errorhandler(NotFound)
    def _not_found(error: NotFound) -> Response:
        return problem(404, str(error))

    @app.errorhandler(Conflict)
    def _conflict(error: Conflict) -> Response:
        return problem(409, str(error))

    @app.errorhandler(Overloaded)
    def _overloaded(error: Overloaded) -> Response:
        status = 429 if error.own_fault else 503
        return problem(status, str(error), headers={"Retry-After": str(error.retry_after)})

    @app.errorhandler(Unavailable)
    def _unavailable(error: Unavailable) -> Response:
        return problem(503, str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        code = error.code or 500
        if code < 400:
            return error.get_response()  # type: ignore[return-value]
        headers = {
            name: value
            for name, value in error.get_headers()
            if name in ("Allow", "Retry-After", "WWW-Authenticate")
        }
        if code == 429:
            headers.setdefault("Retry-After", str(g.get("retry_after", RETRY_AFTER_SECONDS)))
        return problem(code, error.description or TITLES.get(code, ""), headers=headers)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log.exception("unexpected %s", type(error).__name__)
        return problem(500, "an internal error; the log has the details under this request_id")
