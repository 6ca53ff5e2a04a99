"""Guide 2's event becomes the canonical one; what is malformed is refused by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import BadInput
from core.telemetry import parse_event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "event_id": "test-001",
    "timestamp": "2025-11-06T12:00:00Z",
    "event_type": "llm.response",
    "application_id": "test-app",
    "data": {"status": "success", "latency_ms": 1250, "total_tokens": 225, "cost": 0.045},
}


def data(**values: Any) -> dict[str, Any]:
    return EVENT | {"data": values}


def test_the_event_of_the_guide() -> None:
    event = parse_event(EVENT, now=NOW)
    assert (event.event_id, event.application_id, event.status) == (
        "test-001",
        "test-app",
        "success",
    )
    assert event.timestamp == datetime(2025, 11, 6, 12, tzinfo=UTC)
    assert (event.latency_ms, event.total_tokens, event.cost) == (1250.0, 225, 0.045)


def test_the_service_of_the_source_names_the_application() -> None:
    raw = {"timestamp": "2025-11-06T12:00:00Z", "source": {"service": "shop"}}
    assert parse_event(raw, now=NOW).application_id == "shop"


def test_totals_follow_from_their_parts() -> None:
    assert parse_event(data(prompt_tokens=3, completion_tokens=4), now=NOW).total_tokens == 7


@pytest.mark.parametrize("latency", [0, 1_200_000, 1e15])
def test_a_number_that_is_only_out_of_the_ordinary_is_kept(latency: float) -> None:
    assert parse_event(data(latency_ms=latency), now=NOW).latency_ms == latency


def test_an_event_without_id_gets_the_given_one_or_one_of_its_own() -> None:
    raw = {"timestamp": "2025-11-06T12:00:00Z"}
    assert parse_event(raw, now=NOW, fallback_id="f").event_id == "f"
    assert parse_event(EVENT, now=NOW, fallback_id="f").event_id == "test-001"
    assert parse_event(raw, now=NOW).event_id != parse_event(raw, now=NOW).event_id


def test_an_error_event_is_an_error() -> None:
    raw = EVENT | {"event_type": "llm.error", "data": {}}
    assert parse_event(raw, now=NOW).status == "error"


def test_a_time_with_an_offset_becomes_utc() -> None:
    event = parse_event(EVENT | {"timestamp": "2025-11-06T14:00:00+02:00"}, now=NOW)
    assert event.timestamp == datetime(2025, 11, 6, 12, tzinfo=UTC)


def test_an_hour_ahead_is_kept() -> None:
    ahead = NOW + timedelta(hours=1)
    assert parse_event(EVENT | {"timestamp": ahead.isoformat()}, now=NOW).timestamp == ahead


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (5, ""),
        ({}, "timestamp"),
        (EVENT | {"timestamp": "noon"}, "timestamp"),
        (EVENT | {"timestamp": True}, "timestamp"),
        (EVENT | {"timestamp": 1e300}, "timestamp"),
        (EVENT | {"timestamp": "2026-01-03T00:00:01Z"}, "timestamp"),
        (EVENT | {"event_type": "llm.dream"}, "event_type"),
        (EVENT | {"event_id": "x" * 300}, "event_id"),
        (EVENT | {"event_id": "a\x00"}, "event_id"),
        (EVENT | {"application_id": "\ud800"}, "application_id"),
        (EVENT | {"data": []}, "data"),
        (data(latency_ms=-1), "data.latency_ms"),
        (data(latency_ms="fast"), "data.latency_ms"),
        (data(latency_ms=True), "data.latency_ms"),
        (data(cost=float("nan")), "data.cost"),
        (data(cost=10**400), "data.cost"),
        (data(latency_ms=1e300), "data.latency_ms"),
        (data(cost=1.1e15), "data.cost"),
        (data(total_tokens=2**53), "data.total_tokens"),
        (data(total_tokens=1.5), "data.total_tokens"),
        (data(status="meh"), "data.status"),
        (EVENT | {"metadata": {"tags": "a"}}, "metadata.tags"),
    ],
)
def test_what_is_malformed_is_refused_by_field(raw: Any, field: str) -> None:
    with pytest.raises(BadInput) as problem:
        parse_event(raw, now=NOW)
    assert problem.value.field == field
