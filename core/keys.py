"""API keys: random, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from core.database import unit_of_work
from core.errors import NotFound
from core.ids import new_id

PREFIX = "sk-sentinel-"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored; the key itself is not."""

    id: UUID
    tenant: str
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def digest(key: str) -> bytes:
    """What is stored of a key. The key has 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(key.encode()).digest()


def create(name: str, *, tenant: str = "default", key: str | None = None) -> tuple[UUID, str]:
    """Make a key; returns its id and the key itself, which cannot be read again."""
    key = key or PREFIX + secrets.token_urlsafe(32)
    key_id = new_id()
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO api_keys (id, tenant, name, hint, digest)"
            " VALUES (:id, :tenant, :name, :hint, :digest)",
            id=key_id,
            tenant=tenant,
            name=name,
            hint=key[-4:],
            digest=digest(key),
        )
    return key_id, key


def verify(key: str) -> ApiKey | None:
    """The key's record when it is known and not revoked; notes its use."""
    with unit_of_work() as work:
        row = work.execute(
            "SELECT * FROM api_keys WHERE digest = :digest AND revoked_at IS NULL",
            digest=digest(key),
        ).one_or_none()
        if row is None or not hmac.compare_digest(bytes(row.digest), digest(key)):
            return None
        work.relax()
        work.execute(
            "UPDATE api_keys SET last_used_at = now() WHERE id = :id"
            " AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
            id=row.id,
        )
    return _record(row)


def every() -> list[ApiKey]:
    """All keys, newest first."""
    with unit_of_work() as work:
        rows = work.execute("SELECT * FROM api_keys ORDER BY id DESC").all()
    return [_record(row) for row in rows]


def revoke(key_id: UUID) -> None:
    """End a key. Raises NotFound when there is no such live key."""
    with unit_of_work() as work:
        done = work.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE id = :id AND revoked_at IS NULL",
            id=key_id,
        )
        if done.rowcount != 1:
            raise NotFound(f"no live key {key_id}; `sentinel-cli keys list` shows them")


def ensure_key(home: Path) -> str:
    """The key of this data directory, made at the first start and kept in `secrets/api-key`."""
    path = home / "secrets" / "api-key"
    if path.exists():
        key = path.read_text(encoding="utf-8").strip()
        if key and verify(key):
            return key
    _, key = create("data directory")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    return key


def _record(row: Any) -> ApiKey:
    return ApiKey(
        row.id, row.tenant, row.name, row.hint, row.created_at, row.last_used_at, row.revoked_at
    )
