"""The Flask application: every blueprint of `api.routes`, and what all routes share."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import re
import time

from flask import Flask, Response, g, request
from prometheus_flask_exporter import PrometheusMetrics
from werkzeug.routing import BaseConverter, ValidationError

from api import leftover, limits, loopback, problems, routes, security, waiters
from core.analysis import Mode
from core.ids import new_id, parse_id
from core.logs import log_context
from core.settings import settings
from engines.catalogue import select

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Uuid(BaseConverter):
    """A UUID in the path; anything else is not found.

    By its form: where `to_python` refuses, a route with other methods would make it a 405.
    """

    regex = "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> object:
        found = parse_id(value)
        if found is None:
            raise ValidationError
        return found


def create_app() -> Flask:
    """The application with the settings of this process. Raises ConfigError for unusable ones."""
    chosen = settings()
    select(Mode.BALANCED, enabled=chosen.enabled_engines, disabled=chosen.disabled_engines)
    app = _with_doors("api")
    waiters.register(app)
    PrometheusMetrics(app, path=None, group_by="url_rule", default_labels=None)
    for module in pkgutil.iter_modules(routes.__path__):
        app.register_blueprint(importlib.import_module(f"api.routes.{module.name}").blueprint)
    return app


def create_receiver() -> Flask:
    """The application behind the gRPC receiver: the same doors, and the route of OTLP alone."""
    app = _with_doors("grpc")
    app.register_blueprint(importlib.import_module("api.routes.otlp").blueprint)
    return app


def _with_doors(name: str) -> Flask:
    """An application without routes: errors, request ids, authentication, rate limits."""
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["uuid"] = _Uuid
    app.url_map.strict_slashes = False
    problems.register(app)
    leftover.register(app)
    _identify_requests(app)
    loopback.register(app)
    limits.register_failures(app)
    security.register(app)
    limits.register(app)
    return app


def _identify_requests(app: Flask) -> None:
    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else f"req-{new_id().hex}"
        g.begun = time.perf_counter()
        if request.method not in _METHODS:
            # Each invented method would be a time series of its own.
            request.prom_do_not_track = True  # type: ignore[attr-defined]

    @app.after_request
    def _end(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.get("request_id", "")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        spent = (time.perf_counter() - g.get("begun", time.perf_counter())) * 1000
        quiet = request.endpoint in ("health.live", "health.ready", "metrics.scrape")
        with log_context(request_id=g.get("request_id", ""), **g.get("log", {})):
            log.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s %d",
                request.method,
                request.url_rule.rule if request.url_rule else "unknown route",
                answer.status_code,
                extra={"duration_ms": round(spent, 2)},
            )
        return answer
