"""What the tests of reports share: schedules, orders, and reports that are made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.database import query, unit_of_work
from reports.period import between
from tests.conftest import ROOT, Farm, eventually
from workers import reporting_rows
from workers.reporting_rows import Order

REPORTS, SCHEDULES = "/api/v1/reports", "/api/v1/reports/schedules"

Make = Callable[..., dict[str, Any]]


def reports_of(schedule: dict[str, Any]) -> list[dict[str, Any]]:
    return query(
        "SELECT * FROM reports WHERE schedule_id = :id ORDER BY period_end",
        id=UUID(schedule["id"]),
    )


def finished(farm: Farm, report: object) -> dict[str, Any]:
    """What is known of a report once it is made or failed."""

    def ended() -> dict[str, Any] | None:
        told = farm.client.get(f"{REPORTS}/{report}", params={"format": "json"}).json()
        return told if told["status"] in ("completed", "failed") else None

    return dict(eventually(ended, within=60))


def asked(farm: Farm, **body: Any) -> dict[str, Any]:
    """A report out of turn, made."""
    answer = farm.client.post(REPORTS, json=body)
    assert answer.status_code == 202, answer.text
    return finished(farm, answer.json()["id"])


def noon(day: int) -> datetime:
    return datetime(2031, 3, day, 12, tzinfo=UTC)


def placed(**given: Any) -> UUID:
    """An order that no message follows, so that no worker takes it by itself."""
    now = datetime.now(UTC)
    period = between(now - timedelta(hours=1), now)
    with unit_of_work() as work:
        report = reporting_rows.place(work, Order("default", "T", period, **given), now, sent=False)
    assert report is not None
    return report


def command(farm: Farm, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.operator", "reports", *arguments],
        cwd=ROOT,
        env={**os.environ, **farm.environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
