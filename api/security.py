"""Who is asking: an API key, or a JWT made from one. All else is refused where it matters."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import Any

from flask import Flask, g, request
from flask_jwt_extended import JWTManager, get_jwt, get_jwt_identity, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError

from api.operations import OPERATION
from api.problems import Problem
from core import keys
from core.database import unit_of_work
from core.settings import settings

log = logging.getLogger(__name__)

DEFAULT_TENANT = "default"


def register(app: Flask) -> None:
    """Ask for credentials before every view that is not public."""
    chosen = settings()
    secret = chosen.auth_secret.get_secret_value()
    if not secret:
        secret = secrets.token_hex(32)
        log.warning("AUTH_SECRET is not set; tokens end with this process")
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM="HS256",
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=chosen.auth_token_ttl),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=chosen.auth_refresh_ttl),
        JWT_TOKEN_LOCATION=["headers"],
    )
    manager = JWTManager(app)

    @manager.token_in_blocklist_loader
    def _revoked(_header: dict[str, Any], payload: dict[str, Any]) -> bool:
        with unit_of_work() as work:
            row = work.execute(
                "SELECT 1 FROM revoked_tokens WHERE jti = :jti UNION ALL SELECT 1 FROM api_keys"
                " WHERE CAST(id AS text) = :key AND revoked_at IS NOT NULL",
                jti=payload["jti"],
                key=payload["sub"],
            ).first()
        return row is not None

    @app.before_request
    def _authenticate() -> None:
        g.tenant, g.subject = DEFAULT_TENANT, ""
        view = app.view_functions.get(request.endpoint or "")
        if view is None or getattr(getattr(view, OPERATION, None), "public", False):
            return
        if getattr(view, "public", False):
            return
        given = _credential()
        if given is None and not settings().authenticated:
            return
        if given is None:
            raise _refused("send `Authorization: Bearer <API key or token>` or `X-API-Key`")
        g.tenant, g.subject = _identify(given)


def _credential() -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("X-API-Key") or None


def _identify(given: str) -> tuple[str, str]:
    if given.startswith(keys.PREFIX):
        key = keys.verify(given)
        if key is None:
            raise _refused("the API key is not known or was revoked; `sentinel-cli keys create`")
        return key.tenant, str(key.id)
    _verify_token("token")
    return str(get_jwt().get("tenant", DEFAULT_TENANT)), str(get_jwt_identity())


def refresh_claims() -> dict[str, Any]:
    """The claims of the refresh token that was sent. Raises Problem 401."""
    _verify_token("refresh token", refresh=True)
    return dict(get_jwt())


def _verify_token(name: str, *, refresh: bool = False) -> None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        # The word has no case in HTTP; flask-jwt-extended knows one spelling.
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer {value.strip()}"
    try:
        verify_jwt_in_request(refresh=refresh)
    except (JWTExtendedException, PyJWTError) as problem:
        raise _refused(f"the {name} is not valid: {problem}") from None


def _refused(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="sentinel"'})
