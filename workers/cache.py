"""The verdict cache: what was judged a moment ago is answered again without a task.

An entry lives in Valkey for BRAIN_CACHE_TTL seconds under a digest of everything the verdict
depends on: the input, the policy with its thresholds, and the engines with their versions. It holds
the verdict and its findings, never a word of the input. Degraded verdicts are not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic_core import from_json, to_json
from redis.exceptions import RedisError

from core.analysis import Content
from core.metrics import CACHE_LOOKS
from core.settings import settings
from workers import waiting
from workers.app import KEY_PREFIX
from workers.verdicts import Verdicts
from workers.wire import content_to_row


def key(
    content: Content,
    *,
    tenant: str,
    policy: str,
    versions: Mapping[str, str],
    skipped: Mapping[str, Any],
    thresholds: Sequence[float],
) -> str:
    """The digest under which the verdict over this input is kept."""
    about = [
        tenant,
        policy,
        sorted(versions.items()),
        sorted(skipped),
        list(thresholds),
        content_to_row(content),
    ]
    return hashlib.sha256(to_json(about)).hexdigest()


def get(digest: str) -> dict[str, Any] | None:
    """The kept verdict as columns of its row; None when there is none or Valkey is away."""
    try:
        kept = waiting.client().get(_name(digest))
    except RedisError:
        return None
    CACHE_LOOKS.labels("hit" if kept else "miss").inc()
    return from_json(kept) if kept else None


def put(client: Any, digest: str, judged: Verdicts) -> None:
    """Keep a verdict over one input, by a client or by a pipeline that the caller executes."""
    if judged.degraded or not judged.examined:
        return
    kept = {
        "risk_score": judged.risk_score,
        "verdict": judged.verdict,
        "action": judged.action,
        "engines": judged.engines,
        "body": judged.body,
    }
    with suppress(RedisError):
        client.set(_name(digest), to_json(kept), ex=max(settings().brain_cache_ttl, 1))


def _name(digest: str) -> str:
    return f"{KEY_PREFIX}verdict:{digest}"
