"""A store that is down: said plainly, and nothing is accepted and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.database import unit_of_work
from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event

pytestmark = pytest.mark.farm


def ready(farm: Farm) -> bool:
    return farm.ready()


@pytest.fixture
def no_broker(farm: Farm, stores: Any) -> Iterator[None]:
    stores.valkey.kill()
    yield
    stores.valkey.start()
    eventually(farm.ready, within=30)


@pytest.fixture
def no_database(farm: Farm, stores: Any) -> Iterator[None]:
    stores.postgres.kill()
    yield
    stores.postgres.start()
    eventually(farm.ready, within=30)


def count_jobs() -> int:
    with unit_of_work() as work:
        return int(work.execute("SELECT count(*) FROM analyses").scalar_one())


def failing_checks(farm: Farm) -> list[str]:
    answer = farm.client.get("/ready")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    return [name for name, check in checks.items() if not check["ok"]]


@pytest.mark.parametrize("route", ["/api/v1/analyses", "/api/v1/analyze"])
def test_without_the_broker_a_submission_is_503_and_leaves_no_job(
    farm: Farm, no_broker: None, route: str
) -> None:
    before = count_jobs()
    answer = farm.client.post(route, json={"text": "hello"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "broker" in answer.json()["detail"]
    assert count_jobs() == before


def test_without_the_broker_telemetry_is_503(farm: Farm, no_broker: None) -> None:
    answer = farm.client.post(EVENTS, json=event("outage"))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_readiness_names_the_broker(farm: Farm, no_broker: None) -> None:
    assert failing_checks(farm) == ["broker"]


def test_without_the_database_a_submission_is_503_and_readiness_names_it(
    farm: Farm, no_database: None
) -> None:
    answer = farm.client.post("/api/v1/analyses", json={"text": "hello"})
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "database" in failing_checks(farm)
    assert farm.client.get("/health").status_code == 200


def test_after_both_outages_a_job_completes(farm: Farm) -> None:
    assert farm.finished(farm.submit(text="hello"))["status"] == "completed"
