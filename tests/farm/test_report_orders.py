"""Orders of reports: one for each period whoever ticks, made to the end, never too many at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.database import UnitOfWork, query, unit_of_work
from core.errors import Overloaded
from core.settings import settings
from reports.mail import Written
from reports.period import between
from tests.conftest import ROOT, Farm, eventually
from tests.farm.report_orders import REPORTS, Make, finished, noon, placed, reports_of
from tests.farm.test_rollups import new_tenant
from workers import reporting, reporting_room, reporting_rows
from workers.reporting_rows import LEASE, Order

pytestmark = pytest.mark.farm


def test_two_beats_that_tick_make_one_report(farm: Farm, schedule: Make) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1, hours=1)
    made = schedule(yesterday)
    found = eventually(lambda: reports_of(made), within=30)
    finished(farm, found[0]["id"])
    assert len(reports_of(made)) == 1


def test_many_that_order_at_once_order_one_report(farm: Farm, schedule: Make) -> None:
    made = schedule(noon(1), enabled=True)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: reporting.order_due(noon(2)), range(16)))
    assert len(reports_of(made)) == 1


def test_after_ten_days_of_silence_there_is_one_catch_up(farm: Farm, schedule: Make) -> None:
    made = schedule(noon(1))
    for _ in range(3):
        reporting.order_due(noon(11))
    assert [row["period_end"].date().day for row in reports_of(made)] == [11]
    reporting.order_due(noon(12))
    assert [row["period_end"].date().day for row in reports_of(made)] == [11, 12]


def test_what_was_due_before_a_schedule_was_made_is_not_made_up_for(
    farm: Farm, schedule: Make
) -> None:
    made = schedule(noon(2))
    reporting.order_due(noon(2) + timedelta(hours=1))
    assert reports_of(made) == []


def test_a_schedule_that_is_not_enabled_orders_nothing(farm: Farm, schedule: Make) -> None:
    made = schedule(noon(1), enabled=False)
    reporting.order_due(noon(5))
    assert reports_of(made) == []


def test_an_hourly_look_at_a_day_makes_one_report_of_the_day(farm: Farm, schedule: Make) -> None:
    made = schedule(noon(1), cron="0 * * * *")
    for hour in range(5):
        reporting.order_due(noon(2) + timedelta(hours=hour))
    assert len(reports_of(made)) == 1


def test_the_report_of_a_killed_worker_is_made_by_another(farm: Farm) -> None:
    report = placed()
    code = (
        "import sys, time; from uuid import UUID; from datetime import datetime, UTC;"
        " from workers.reporting_rows import claim, lease;"
        " taken = claim(UUID(sys.argv[1]), datetime.now(UTC)); print(taken.attempt, flush=True);"
        " lease(taken).__enter__(); time.sleep(600)"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(report)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "1\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert reporting_rows.claim(report, datetime.now(UTC)) is None
    assert report in reporting_rows.rescue(datetime.now(UTC) + LEASE)
    reporting._send([report])
    assert finished(farm, report)["status"] == "completed"
    row = query("SELECT attempt, deaths FROM reports WHERE id = :id", id=report)[0]
    assert (row["attempt"], row["deaths"]) == (2, 1)


def test_who_lost_the_lease_stores_nothing(farm: Farm) -> None:
    report = placed(receivers=("mail",))
    first = reporting_rows.claim(report, datetime.now(UTC))
    assert first is not None
    reporting_rows.rescue(datetime.now(UTC) + LEASE)
    second = reporting_rows.claim(report, datetime.now(UTC))
    assert second is not None
    figures: Any = reporting.gather(
        reporting.Source("default"), "T", first.order.period, None, datetime.now(UTC), lambda *_: 0
    )
    assert not reporting_rows.finish(first, figures, Written("", "", "", {}, {}), datetime.now(UTC))
    assert reporting_rows.files(report) == {}
    assert reporting_rows.deliveries(report) == []
    assert reporting_rows.fail(second, "enough", datetime.now(UTC))


def test_a_report_that_kills_its_workers_is_given_up(farm: Farm) -> None:
    report = placed()
    for _ in range(reporting_rows.MAX_DEATHS):
        assert reporting_rows.claim(report, datetime.now(UTC)) is not None
        reporting_rows.rescue(datetime.now(UTC) + LEASE)
    told = reporting_rows.find(report, "default")
    assert (told["state"], "worker died" in told["error"]) == ("failed", True)
    answer = farm.client.get(f"{REPORTS}/{report}")
    assert answer.status_code == 409
    assert "ask for it again" in answer.json()["detail"]


def test_an_order_whose_message_is_lost_is_sent_again(farm: Farm) -> None:
    report = placed()
    assert report not in reporting_rows.rescue(datetime.now(UTC))
    assert report in reporting_rows.rescue(datetime.now(UTC) + reporting_rows.LOST_AFTER * 2)
    reporting._send([report])
    assert finished(farm, report)["status"] == "completed"


def test_progress_is_seen_step_by_step(farm: Farm) -> None:
    report, seen = placed(), []
    assert reporting.make(report, lambda percent, step: seen.append((percent, step)))
    assert seen[0][1] == "traffic"
    assert [percent for percent, _ in seen] == sorted(percent for percent, _ in seen)


def test_a_report_that_is_not_made_yet_says_how_far_it_is(farm: Farm) -> None:
    report = placed()
    claimed = reporting_rows.claim(report, datetime.now(UTC))
    assert claimed is not None
    reporting_rows.progress(claimed, 40, "verdicts")
    answer = farm.client.get(f"{REPORTS}/{report}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert answer.json()["progress"] == {"percent": 40, "step": "verdicts"}
    reporting_rows.fail(claimed, "enough", datetime.now(UTC))


@pytest.fixture
def full(farm: Farm) -> Iterator[list[UUID]]:
    """As many orders that nobody makes as may be open; those of other tests count as well."""
    orders = []
    while reporting_room.taken("default") < settings().reports_max_open:
        orders.append(placed())
    yield orders
    for order in orders:
        if (claimed := reporting_rows.claim(order, datetime.now(UTC))) is not None:
            reporting_rows.fail(claimed, "enough", datetime.now(UTC))


def test_who_has_as_many_open_reports_as_may_be_is_told_to_wait(
    farm: Farm, full: list[UUID]
) -> None:
    answer = farm.client.post(REPORTS, json={"period": "1h"})
    assert (answer.status_code, answer.json()["title"]) == (429, "Too many requests")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 2 <= int(answer.headers["Retry-After"]) <= 60
    assert "REPORTS_MAX_OPEN allows 10" in answer.json()["detail"]


def test_once_one_is_over_there_is_room_again(farm: Farm, full: list[UUID]) -> None:
    claimed = reporting_rows.claim(full[0], datetime.now(UTC))
    assert claimed is not None
    reporting_rows.fail(claimed, "enough", datetime.now(UTC))
    answer = farm.client.post(REPORTS, json={"period": "1h"})
    assert answer.status_code == 202
    finished(farm, answer.json()["id"])


def test_two_at_once_do_not_share_the_last_room(farm: Farm) -> None:
    tenant, period = new_tenant(), between(noon(1), noon(2))

    def order(work: UnitOfWork) -> None:
        reporting_room.demand(work, tenant, 1)
        reporting_rows.place(work, Order(tenant, "T", period), noon(2))

    def another() -> None:
        with unit_of_work() as work:
            order(work)

    with ThreadPoolExecutor(1) as threads:
        with unit_of_work() as work:
            order(work)
            waiting = threads.submit(another)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        with pytest.raises(Overloaded, match="1 reports are not made yet"):
            waiting.result()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"period": "100d"}, "period"),
        ({"start": "2001-01-01T00:00:00Z", "end": "2001-01-02T00:00:00Z"}, "start"),
        ({"start": "0001-01-01T00:00:00+09:00", "end": "0001-01-02T00:00:00Z"}, "start"),
        ({"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:59:59Z"}, "start"),
    ],
)
def test_a_period_that_retention_does_not_keep_is_refused(
    farm: Farm, body: Any, field: str
) -> None:
    answer = farm.client.post(REPORTS, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_schedule_whose_period_is_not_kept_is_not_made_out_of_turn(
    farm: Farm, schedule: Make
) -> None:
    name = schedule(noon(1), period="100d", enabled=False)["name"]
    answer = farm.client.post(REPORTS, json={"schedule": name})
    assert (answer.status_code, answer.json()["field"]) == (422, "schedule")
    assert "RETENTION_AGGREGATED is 90d" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"receivers": ["mial"]}, "receivers", "did you mean 'mail'?"),
        ({"receivers": ["nowhere at all"]}, "receivers", "names no receiver"),
        ({"periode": "week"}, "periode", "did you mean 'period'?"),
        ({"period": "fortnight"}, "period", "Or write a duration such as 6h"),
        ({"timezone": "Mars/Olympus"}, "timezone", "no time zone"),
        ({"start": "2026-01-01T00:00:00Z"}, "end", "go together"),
        ({"schedule": "x", "title": "y"}, "title", "leave it out"),
        ({"send": True}, "send", "name `receivers`"),
    ],
)
def test_bad_orders_name_the_field(farm: Farm, body: Any, field: str, says: str) -> None:
    answer = farm.client.post(REPORTS, json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert says in answer.json()["detail"]


def test_reports_are_forgotten_but_for_the_newest_of_a_schedule(farm: Farm, schedule: Make) -> None:
    made = schedule(noon(1))
    for day in (2, 3):
        reporting.order_due(noon(day))
    for row in reports_of(made):
        finished(farm, row["id"])
    reporting_rows.forget(datetime(2032, 1, 1, tzinfo=UTC))
    assert [row["period_end"].day for row in reports_of(made)] == [3]
