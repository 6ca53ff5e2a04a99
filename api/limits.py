"""How much a client may ask for: one budget over all routes, and one for failed logins."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address

from core import valkey
from core.settings import settings


def register_failures(app: Flask) -> None:
    """Count answers 401 by address; past the limit refuse before any credential is looked at."""
    chosen = settings()
    if not (chosen.rate_limit_enabled and chosen.rate_limit_by_ip):
        return

    def note(breached: RequestLimit) -> None:
        g.retry_after = max(int(breached.reset_at - time.time()), 1)

    _limit(
        app,
        get_remote_address,
        key_prefix="sentinel-failures",
        application_limits_deduct_when=_failed,
        on_breach=note,
    )


def register(app: Flask) -> None:
    """Count every request of a client. It stands behind authentication, which says who it is."""
    chosen = settings()
    if not chosen.rate_limit_enabled:
        return

    def client() -> str:
        if chosen.rate_limit_by_token and g.get("subject"):
            return f"key:{g.subject}"
        return get_remote_address() if chosen.rate_limit_by_ip else "everyone"

    _limit(app, client, key_prefix="sentinel", headers_enabled=True)


def _limit(app: Flask, key: Callable[[], str], **more: Any) -> None:
    chosen = settings()
    limiter = Limiter(
        key,
        **_storage(),
        application_limits=[f"{chosen.rate_limit_requests} per {chosen.rate_limit_window} seconds"],
        request_identifier=lambda: request.endpoint or "unknown",
        swallow_errors=True,
        strategy="moving-window",
        **more,
    )
    limiter.init_app(app)
    limiter.request_filter(_of_health)


def _storage() -> dict[str, Any]:
    """Where the counters live: the farm's Valkey, by whatever way its URL names."""
    chosen = settings()
    url, patience = chosen.redis(), {"socket_connect_timeout": 2, "socket_timeout": 2}
    known = valkey.sentinels(url)
    if known is None:
        return {"storage_uri": url, "storage_options": patience}
    hosts = ",".join(f"{host}:{port}" for host, port in known.hosts)
    return {
        "storage_uri": f"redis+sentinel://{hosts}/{chosen.redis_sentinel_master}",
        "storage_options": {
            **patience,
            "sentinel_kwargs": {**patience, **valkey.sentinel_login()},
            "use_replicas": False,
            "username": known.username,
            "password": known.password,
            "db": known.database,
        },
    }


def _of_health() -> bool:
    return request.blueprint == "health"


def _failed(answer: Response) -> bool:
    return answer.status_code == 401
