"""Whose inputs they are: given with a request or known of an event, and what detectors go by."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.database import query, unit_of_work
from tests.conftest import Farm
from tests.farm.test_cache import kept
from tests.farm.test_detection import anomalies, run, specs
from tests.farm.test_detection_inputs import messages, verdict
from tests.farm.test_jobs import frozen_worker
from tests.farm.test_retry import BREAK, retry
from tests.farm.test_rollups import new_tenant
from tests.farm.test_sampling import ATTACK, event, judged, sampled, store
from workers import waiting
from workers.app import KEY_PREFIX
from workers.detection_windows import Reader, shape
from workers.rollups import floor

pytestmark = pytest.mark.farm

__all__ = ["frozen_worker", "sampled"]

HOUR = timedelta(hours=1)
PROBING = {"type": "probing", "metric": "block_rate", "window": "1h", "group_by": "[application]"}


@pytest.fixture
def tenant(stores: Any) -> str:
    return new_tenant()


def post(farm: Farm, body: dict[str, Any], key: str) -> Any:
    return farm.client.post("/api/v1/analyses", json=body, headers={"Idempotency-Key": key})


def blocked(application: str) -> dict[str, int]:
    """Blocked inputs of the application by user, as `probing` reads them."""
    until = floor(datetime.now(UTC), 3600) + HOUR
    with unit_of_work() as work:
        found = Reader(work, "default").points(shape(specs(**PROBING)[0]), until - 2 * HOUR, until)
    parts: dict[str, int] = {}
    for point in found.get((application,), ()):
        for name, count in point.parts.items():
            parts[name] = parts.get(name, 0) + count
    return parts


@pytest.mark.parametrize("given", [{}, {"user_id": "u-1"}, {"user_id": "u-1", "session_id": "s"}])
def test_a_job_shows_whose_it_is(farm: Farm, given: dict[str, str]) -> None:
    one = farm.job(farm.submit(text="hello", **given))
    many = farm.job(farm.submit(items=[{"text": "hello"}, {"text": "world"}], **given))
    guard = farm.client.post("/v1/analyze", json={"text": "hello", **given}).json()
    for job in (one, many, farm.job(guard["analysis_id"])):
        expected = (given.get("user_id"), given.get("session_id"))
        assert (job["user_id"], job["session_id"]) == expected


@pytest.mark.parametrize("route", ["/api/v1/analyses", "/v1/analyze"])
@pytest.mark.parametrize("user", ["", "a\0b", "x" * 257, 7, ["u"]])
def test_what_cannot_be_a_users_id_is_refused(farm: Farm, route: str, user: Any) -> None:
    answer = farm.client.post(route, json={"text": "hello", "user_id": user})
    assert (answer.status_code, answer.json()["field"]) == (422, "user_id")


def test_the_user_belongs_to_the_body_of_an_idempotency_key(farm: Farm) -> None:
    key, body = f"users-{uuid4().hex}", {"text": "one", "user_id": "u-1"}
    first, again = post(farm, body, key), post(farm, body, key)
    other, nobody = post(farm, {**body, "user_id": "u-2"}, key), post(farm, {"text": "one"}, key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert [other.status_code, nobody.status_code] == [422, 422]


def test_another_user_is_answered_from_the_cache_and_counts_for_himself(farm: Farm) -> None:
    text, shop = f"{ATTACK}, {uuid4().hex}", f"cache-{uuid4().hex[:8]}"
    asked = {"text": text, "application_id": shop}
    kept(farm, **asked)
    answer = farm.client.post("/v1/analyze", json={**asked, "user_id": "second"}).json()
    assert answer["details"]["cached"] is True
    assert farm.job(answer["analysis_id"])["user_id"] == "second"
    assert blocked(shop) == {"second": 1}


def test_probing_names_a_user_whatever_the_sessions(farm: Farm) -> None:
    shop = f"probed-{uuid4().hex[:8]}"
    for number in range(6):
        farm.client.post(
            "/v1/analyze",
            json={
                "text": f"{ATTACK} {number}",
                "application_id": shop,
                "user_id": "mallory",
                "session_id": f"s-{number}",
            },
        )
    entries = [replace(one, actions=()) for one in specs(**{**PROBING, "window": "1m"})]
    run(entries, "default", floor(datetime.now(UTC), 60) + timedelta(minutes=1))
    found = query("SELECT message FROM anomalies WHERE detector_id = :id", id=entries[0].id)
    assert "user mallory was blocked 6 times" in found[0]["message"]


def test_a_session_stands_for_a_user_whom_nobody_named(tenant: str) -> None:
    for number in range(6):
        verdict(tenant, 0, "jailbreak", session="s-1", user=None if number % 2 else "eve")
        verdict(tenant, 0, "jailbreak")
    run(specs(type="probing", metric="block_rate", window="5m", threshold=2), tenant)
    run(specs(type="probing", metric="block_rate", window="5m", threshold=3), tenant)
    (found,) = messages(tenant)
    assert "user s-1 was blocked 3 times" in found


@pytest.mark.parametrize(
    "entry",
    [
        {
            "type": "threshold",
            "condition": "greater_than",
            "metric": "risk_score",
            "threshold": 0.5,
        },
        {"type": "novelty", "metric": "block_rate", "min_samples": 1, "learn": 1},
    ],
)
def test_verdicts_are_grouped_by_user(tenant: str, entry: dict[str, Any]) -> None:
    for place in (1, 0):
        verdict(tenant, place, "jailbreak", user="ann")
        verdict(tenant, place, "leak" if place == 0 else "jailbreak", user="eve")
    verdict(tenant, 0, "jailbreak", action="allow", risk=0.1, user="ann")
    config = {"statistic": "min"} if entry["type"] == "threshold" else {}
    run(specs(**entry, **config, window="5m", group_by="[user]"), tenant)
    (found,) = anomalies(tenant)
    assert (found["labels"], len(found["event_ids"])) == ({"user": "eve"}, 1)


def test_sampled_text_bears_the_user_of_its_event(farm: Farm, sampled: str) -> None:
    people = [("ann", "s-1"), (None, "s-2"), (None, None), ("ann", "s-3"), ("bob", None)]
    store(
        *(
            event(sampled, n, f"{ATTACK} {n}")._replace(user_id=user, session_id=session)
            for n, (user, session) in enumerate(people)
        ),
        event(sampled, 9, "What is 2 + 2?")._replace(user_id="carl"),
    )
    judged(farm, sampled, *(f"event-{n}" for n in (0, 1, 2, 3, 4, 9)))
    assert blocked(sampled) == {"ann": 2, "bob": 1, "s-2": 1}


def test_a_retry_is_of_the_same_people(farm: Farm) -> None:
    job_id = farm.submit(items=[{"text": ATTACK}, {"text": "two"}], user_id="ann")
    farm.finished(job_id)
    with unit_of_work() as work:
        work.execute(BREAK, id=job_id, path=["items", "0", "0"])
        work.execute(
            "UPDATE analyses SET state = 'completed_with_errors', item_users = '{eve,NULL}',"
            " item_sessions = '{NULL,s-1}' WHERE id = :id",
            id=job_id,
        )
    again = farm.finished(retry(farm, job_id).json()["id"])
    row = query("SELECT * FROM analyses WHERE id = CAST(:id AS uuid)", id=again["id"])[0]
    found = (row["user_id"], row["item_users"], row["item_sessions"])
    assert found == ("ann", ["eve", None], [None, "s-1"])


def test_a_user_stands_in_no_message_between_processes(farm: Farm, frozen_worker: Any) -> None:
    user = f"user-{uuid4().hex}"
    jobs = [farm.submit(text=f"hello {user}", user_id=user) for _ in range(3)]
    assert waiting.client().llen(f"{KEY_PREFIX}cpu")
    found = [
        value
        for key in waiting.client().scan_iter(f"{KEY_PREFIX}*", _type="list")
        for value in waiting.client().lrange(key, 0, -1)
    ]
    assert all(user.encode() not in bytes(value) for value in found)
    for job in jobs:
        farm.client.post(f"/api/v1/analyses/{job}/cancel")


def test_a_user_stands_in_no_log_and_no_metric(
    farm: Farm, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = f"user-{uuid4().hex}"
    farm.client.post("/v1/analyze", json={"text": ATTACK, "user_id": user})
    farm.client.post("/v1/analyze", json={"text": ATTACK, "user_id": user * 10})
    farm.finished(farm.submit(text=ATTACK, user_id=user))
    for _ in range(6):
        verdict(tenant, 0, "jailbreak", user=user)
    entry = {"type": "probing", "metric": "block_rate", "window": "5m"}
    run(specs(**entry, group_by="[user]"), tenant)
    assert user in messages(tenant)[0]
    logs = "".join(farm.log(name) for name in farm.processes)
    lines = [json.dumps(vars(record), default=str) for record in caplog.records]
    assert [line for line in lines if "anomaly_id" in line]
    assert user not in logs + "".join(lines) + farm.client.get("/metrics").text


def test_the_schema_names_the_user(farm: Farm) -> None:
    schemas = farm.client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    assert all("user_id" in schemas[name]["properties"] for name in ("AnalysisRequest", "Job"))
    assert "user_id" not in schemas["AnalysisRequest"].get("required", [])
