"""Schedules of reports: of the file, by API, by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.settings import settings
from tests.conftest import Farm
from tests.farm.report_orders import REPORTS, SCHEDULES, Make, command, noon, reports_of
from workers import reporting, reporting_schedules

pytestmark = pytest.mark.farm


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"cron": "every monday"}, "cron", "write five fields such as"),
        ({"timezone": "Europe/Berln"}, "timezone", "did you mean 'Europe/Berlin'?"),
        ({"recievers": []}, "recievers", "did you mean 'receivers'?"),
        ({"receivers": ["chatt"]}, "receivers", "did you mean 'chat'?"),
        ({"mail_by": "chat", "receivers": ["a@b.example"]}, "mail_by", "of type email"),
    ],
)
def test_bad_schedules_name_the_field(farm: Farm, change: Any, field: str, says: str) -> None:
    answer = farm.client.post(SCHEDULES, json={"name": "n", "cron": "0 8 * * *", **change})
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert says in answer.json()["detail"]


def test_a_schedule_is_made_read_changed_and_taken_away(farm: Farm) -> None:
    body = {"name": "crud", "cron": "0 8 * * MON", "timezone": "Europe/Berlin"}
    made = farm.client.post(SCHEDULES, json=body)
    own = made.headers["Location"]
    assert farm.client.get(own).json() == made.json()
    assert farm.client.post(SCHEDULES, json=body).status_code == 409
    changed = farm.client.put(own, json={**body, "period": "month"})
    assert changed.json()["period"] == "month"
    assert farm.client.put(own, json={**body, "name": "other"}).json()["field"] == "name"
    assert farm.client.delete(own).status_code == 204
    assert farm.client.get(own).status_code == 404


def test_schedules_and_reports_are_paged(farm: Farm, schedule: Make) -> None:
    names = {schedule(noon(1))["name"] for _ in range(3)}
    seen, cursor = set(), None
    while True:
        given = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = farm.client.get(SCHEDULES, params=given).json()
        seen |= {one["name"] for one in page["items"]}
        if not (cursor := page["next_cursor"]):
            break
    assert names <= seen
    first = farm.client.get(REPORTS, params={"limit": 1}).json()
    assert len(first["items"]) == 1


@pytest.fixture
def file(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A reports.yaml that this process goes by."""
    path = tmp_path / "reports.yaml"
    monkeypatch.setenv("REPORTS_FILE", str(path))
    monkeypatch.setattr(reporting_schedules, "receivers", lambda: {"mail": "email"})
    settings.cache_clear()
    yield path
    path.write_text("reports: []\n")
    reporting_schedules.take_file(datetime.now(UTC))
    monkeypatch.undo()
    settings.cache_clear()


def names() -> set[str]:
    return {kept.schedule.name for kept in reporting_schedules.watched() if kept.origin == "file"}


def test_a_file_is_taken_and_while_it_is_broken_the_last_good_one_stands(file: Path) -> None:
    file.write_text("reports: [{name: from-file, cron: '0 8 * * *', receivers: [mail]}]\n")
    reporting_schedules.take_file(noon(1))
    assert names() == {"from-file"}
    file.write_text("reports: [{name: other, cron: 'x'}]\n")
    reporting_schedules.take_file(noon(1))
    assert names() == {"from-file"}


def test_a_file_that_never_loaded_keeps_no_stored_schedule_back(
    farm: Farm, file: Path, schedule: Make
) -> None:
    file.write_text("reports: 7\n")
    made = schedule(noon(1))
    reporting.order_due(noon(2))
    assert len(reports_of(made)) == 1


def test_taking_a_file_twice_forgets_nothing(file: Path) -> None:
    file.write_text("reports: [{name: from-file, cron: '0 8 * * *', period: day}]\n")
    reporting_schedules.take_file(noon(1))
    file.write_text("reports: []\n")
    reporting_schedules.take_file(noon(2))
    assert names() == set()
    file.write_text("reports: [{name: from-file, cron: '0 8 * * *', period: day}] \n")
    reporting_schedules.take_file(noon(3))
    assert reporting_schedules.named("from-file", "default").watched_from == noon(1)


def test_a_stored_schedule_stands_above_the_file(farm: Farm, file: Path) -> None:
    file.write_text("reports: [{name: both, cron: '0 8 * * *'}]\n")
    reporting_schedules.take_file(noon(1))
    kept = reporting_schedules.named("both", "default")
    assert farm.client.delete(f"{SCHEDULES}/{kept.id}").status_code == 409
    body = {"name": "both", "cron": "0 9 * * *"}
    assert farm.client.put(f"{SCHEDULES}/{kept.id}", json=body).json()["origin"] == "stored"
    reporting_schedules.take_file(noon(2))
    assert reporting_schedules.named("both", "default").schedule.cron == "0 9 * * *"
    assert farm.client.delete(f"{SCHEDULES}/{kept.id}").status_code == 204
    reporting_schedules.take_file(noon(3))
    assert reporting_schedules.named("both", "default").schedule.cron == "0 8 * * *"


def test_the_command_keeps_schedules(farm: Farm) -> None:
    put = command(farm, "schedules", "put", "by-hand", "--cron", "0 8 * * MON", "--json")
    assert json.loads(put.stdout)[0]["next_due"]
    assert "by-hand" in command(farm, "schedules", "list").stdout
    wrong = command(farm, "run", "by-hnd")
    assert (wrong.returncode, "did you mean 'by-hand'?" in wrong.stderr) == (2, True)
    assert command(farm, "schedules", "remove", "by-hand").returncode == 0
