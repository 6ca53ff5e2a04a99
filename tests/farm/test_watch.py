"""From a telemetry event to a delivered alert, and every attempt on record."""

from __future__ import annotations

from typing import Any

import pytest

from core.database import unit_of_work
from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event
from tests.sinks import Sinks

pytestmark = pytest.mark.farm


@pytest.fixture(scope="module")
def surge(farm: Farm) -> dict[str, Any]:
    """The alert that a latency surge of one application raised, with what was sent about it."""
    farm.client.post(EVENTS, json=[event("surge", n, latency_ms=9000) for n in range(20)])

    def fired() -> dict[str, Any] | None:
        for alert in farm.client.get("/api/v1/alerts").json()["items"]:
            if alert["labels"].get("application") == "surge":
                found = farm.client.get(f"/api/v1/alerts/{alert['id']}").json()
                sent = [one["state"] for one in found["notifications"]]
                return found if sent == ["delivered"] * 3 else None
        return None

    return dict(eventually(fired))


def test_an_anomaly_names_group_value_and_bound(farm: Farm, surge: dict[str, Any]) -> None:
    found = farm.client.get("/api/v1/anomalies", params={"detector": "high-latency"}).json()
    anomaly = next(one for one in found["items"] if one["id"] == surge["anomaly_id"])
    assert (anomaly["labels"], anomaly["value"], anomaly["threshold"]) == (
        {"application": "surge"},
        9000.0,
        5000.0,
    )


def test_an_anomaly_shows_its_worst_events_and_its_curve(farm: Farm, surge: dict[str, Any]) -> None:
    found = farm.client.get("/api/v1/anomalies", params={"detector": "high-latency"}).json()
    anomaly = next(one for one in found["items"] if one["id"] == surge["anomaly_id"])
    assert (len(anomaly["event_ids"]), anomaly["told"], anomaly["severity"]) == (5, True, "warning")
    answer = farm.client.get(f"/api/v1/anomalies/{anomaly['id']}/sparkline.svg")
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert "application=surge" in answer.text


def test_every_receiver_was_told_once_and_each_attempt_is_a_row(surge: dict[str, Any]) -> None:
    receivers = sorted(sent["receiver"] for sent in surge["notifications"])
    assert receivers == ["chat", "hook", "mail"]
    for sent in surge["notifications"]:
        assert [(a["attempt"], a["delivered"]) for a in sent["attempts"]] == [(1, True)]


def about_surge(posts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [post for post in posts if "surge" in str(post)]


def test_the_mail_arrived(surge: dict[str, Any], sinks: Sinks) -> None:
    mails = [mail for mail in sinks.mails if "surge" in str(mail)]
    assert [mail["To"] for mail in mails] == ["ops@example.com"]
    assert "high-latency-alert" in mails[0]["Subject"]


def test_slack_and_webhook_arrived(surge: dict[str, Any], sinks: Sinks) -> None:
    assert len(about_surge(sinks.posted("/slack"))) == 1
    hook = about_surge(sinks.posted("/hook"))
    assert [post["status"] for post in hook] == ["firing"]


def test_two_beats_evaluate_each_detector_once_per_tick(farm: Farm, surge: dict[str, Any]) -> None:
    def counts() -> tuple[float, int]:
        page = farm.client.get("/metrics").text
        name = "sentinel_detection_latency_seconds_count"
        evaluated = next(float(x.split()[1]) for x in page.splitlines() if x.startswith(name))
        with unit_of_work() as work:
            ticks = work.execute("SELECT count(*) FROM detector_ticks").scalar_one()
        return evaluated, ticks

    def grew_alike() -> bool:
        evaluated, ticks = counts()
        later = eventually(lambda: now if (now := counts())[1] >= ticks + 2 else None)
        return bool(later[0] - evaluated == later[1] - ticks)

    assert eventually(grew_alike, within=60)


def test_both_beats_send_their_ticks(farm: Farm, surge: dict[str, Any]) -> None:
    def sent() -> bool:
        page = farm.client.get("/metrics").text
        name = 'sentinel_task_runtime_seconds_count{task="detection.tick"}'
        ran = next(float(x.split()[-1]) for x in page.splitlines() if x.startswith(name))
        with unit_of_work() as work:
            ticks = work.execute("SELECT count(DISTINCT tick) FROM detector_ticks").scalar_one()
        return bool(ran > ticks * 1.5)

    assert eventually(sent)


def test_a_detector_is_tried_on_given_events_without_a_trace(farm: Farm) -> None:
    before = len(farm.client.get("/api/v1/anomalies?limit=1000").json()["items"])
    body = {"events": [event("dry-run", n, latency_ms=7000) for n in range(3)]}
    answer = farm.client.post("/api/v1/detectors/high-latency/test", json=body).json()
    assert [one["value"] for one in answer["anomalies"]] == [7000.0]
    assert len(farm.client.get("/api/v1/anomalies?limit=1000").json()["items"]) == before


def test_a_receiver_test_is_marked_and_recorded(farm: Farm, sinks: Sinks) -> None:
    def tests() -> int:
        return len([post for post in sinks.posted("/hook") if "sentinel-test" in str(post)])

    before = tests()
    answer = farm.client.post("/api/v1/receivers/hook/test")
    assert answer.json() == {"receiver": "hook", "delivered": True}
    assert tests() == before + 1


def test_an_unknown_receiver_is_not_found_and_the_known_are_named(farm: Farm) -> None:
    answer = farm.client.post("/api/v1/receivers/nobody/test")
    assert answer.status_code == 404
    assert "chat, hook, mail" in answer.json()["detail"]
