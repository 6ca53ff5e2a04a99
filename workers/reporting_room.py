"""How many reports a tenant may have open: each request beyond is told when to come back."""

from __future__ import annotations

import math

from core.database import UnitOfWork, unit_of_work
from core.errors import Overloaded

SHORTEST_WAIT, LONGEST_WAIT = 2, 60
"""Seconds after which who asked for one report too many is told to come back."""


def demand(work: UnitOfWork, tenant: str, most: int) -> None:
    """Raises Overloaded while `most` reports of this tenant are open. Until the end of this
    transaction nobody else finds room for it."""
    work.execute(
        "SELECT pg_advisory_xact_lock(hashtext('reports'), hashtext(:tenant))", tenant=tenant
    )
    count = _open(work, tenant)
    if count < most:
        return
    took = work.execute(
        "SELECT avg(extract(epoch FROM finished_at - started_at)) FROM (SELECT finished_at,"
        " started_at FROM reports WHERE tenant = :tenant AND state = 'completed'"
        " ORDER BY id DESC LIMIT 10) AS newest",
        tenant=tenant,
    ).scalar()
    raise Overloaded(
        f"{count} reports are not made yet, and REPORTS_MAX_OPEN allows {most}; ask again when one"
        " is, see GET /api/v1/reports",
        retry_after=min(max(math.ceil(took or 0), SHORTEST_WAIT), LONGEST_WAIT),
        own_fault=True,
    )


def taken(tenant: str) -> int:
    """How many reports of this tenant are neither made nor failed."""
    with unit_of_work() as work:
        return _open(work, tenant)


def _open(work: UnitOfWork, tenant: str) -> int:
    return int(
        work.execute(
            "SELECT count(*) FROM reports WHERE tenant = :tenant"
            " AND state IN ('queued', 'running')",
            tenant=tenant,
        ).scalar_one()
    )
