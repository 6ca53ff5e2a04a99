"""An API key becomes a JWT; a refresh token another one; a token can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from pydantic import BaseModel, ConfigDict, Field

from api.body import read
from api.operations import operation
from api.problems import Problem
from api.security import refresh_claims
from core import keys
from core.database import unit_of_work
from core.settings import settings

blueprint = Blueprint("auth", __name__, url_prefix="/api/v1/auth")


class TokenRequest(BaseModel):
    """The API key to exchange."""

    model_config = ConfigDict(extra="forbid", strict=True)

    api_key: str = Field(min_length=1, max_length=512)


class Tokens(BaseModel):
    """A bearer token and, at the first exchange, a refresh token. Lives are in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None = None


class RevokeRequest(BaseModel):
    """The access or refresh token to take back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str = Field(min_length=1, max_length=8192)


class Revoked(BaseModel):
    """The token is worth nothing now."""

    revoked: bool


def _access(subject: str, tenant: str) -> str:
    return str(create_access_token(identity=subject, additional_claims={"tenant": tenant}))


@blueprint.post("/token")
@operation(
    "Exchange an API key for a JWT",
    tag="auth",
    body=TokenRequest,
    answers={200: ("Tokens.", Tokens)},
    problems=(401,),
    public=True,
)
def token() -> Response:
    """Access and refresh token for a live key."""
    key = keys.verify(read(TokenRequest).api_key)
    if key is None:
        raise Problem(401, "the API key is not known or was revoked; `sentinel-cli keys create`")
    claims = {"tenant": key.tenant}
    return jsonify(
        access_token=_access(str(key.id), key.tenant),
        token_type="Bearer",
        expires_in=settings().auth_token_ttl,
        refresh_token=create_refresh_token(identity=str(key.id), additional_claims=claims),
    )


@blueprint.post("/refresh")
@operation(
    "Exchange a refresh token (sent as bearer) for a new access token",
    tag="auth",
    answers={200: ("A new access token.", Tokens)},
    problems=(401,),
    public=True,
)
def refresh() -> Response:
    """A new access token for the holder of a live refresh token."""
    claims = refresh_claims()
    return jsonify(
        access_token=_access(claims["sub"], claims.get("tenant", "default")),
        token_type="Bearer",
        expires_in=settings().auth_token_ttl,
    )


@blueprint.post("/revoke")
@operation(
    "Take a token back",
    tag="auth",
    body=RevokeRequest,
    answers={200: ("Done.", Revoked)},
    public=True,
)
def revoke() -> Response:
    """Whoever holds a token may end it (RFC 7009); an invalid one needs no ending."""
    given = read(RevokeRequest).token
    try:
        payload = decode_token(given, allow_expired=True)
    except (JWTExtendedException, PyJWTError, ValueError):
        return jsonify(revoked=False)
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO revoked_tokens (jti, tenant, expires_at) VALUES (:jti, :tenant, :expires)"
            " ON CONFLICT DO NOTHING",
            jti=payload["jti"],
            tenant=payload.get("tenant", "default"),
            expires=datetime.fromtimestamp(payload["exp"], UTC),
        )
    return jsonify(revoked=True)
