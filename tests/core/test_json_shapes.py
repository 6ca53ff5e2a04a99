"""The SDK's and flat events become the canonical one, each told by what only it has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import BadInput
from core.telemetry import Event, parse_event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIME = {"timestamp": "2025-11-06T12:00:00Z"}
GUIDE: dict[str, Any] = {
    **TIME,
    "event_id": "e1",
    "event_type": "llm.response",
    "source": {"service": "shop"},
    "data": {
        "model": "gpt-4o",
        "status": "success",
        "latency_ms": 1250,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost": 0.045,
        "prompt": "hello",
        "response": "hi",
    },
    "metadata": {"user_id": "u1", "session_id": "s1", "environment": "eu", "tags": {"region": "x"}},
}
SDK: dict[str, Any] = {
    **TIME,
    "event_id": "e1",
    "service_name": "shop",
    "model": "gpt-4o",
    "prompt": {"text": "hello", "tokens": 100},
    "response": {"text": "hi", "tokens": 20, "finish_reason": "stop"},
    "latency_ms": 1250,
    "cost_usd": 0.045,
    "metadata": {"user_id": "u1", "session_id": "s1", "environment": "eu", "region": "x"},
    "errors": [],
}
FLAT: dict[str, Any] = {
    **TIME,
    "request_id": "e1",
    "service_name": "shop",
    "model_name": "gpt-4o",
    "latency_ms": 1250,
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "cost_usd": 0.045,
    "prompt_text": "hello",
    "response_text": "hi",
    "user_id": "u1",
    "session_id": "s1",
    "environment": "eu",
    "tags": {"region": "x"},
}
SHAPES = {"guide": GUIDE, "sdk": SDK, "flat": FLAT}


def parsed(raw: dict[str, Any]) -> Event:
    return parse_event(raw, now=NOW)


@pytest.mark.parametrize("shape", ["sdk", "flat"])
def test_every_shape_tells_the_same_event(shape: str) -> None:
    assert parsed(SHAPES[shape]) == parsed(GUIDE)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"errors": []}, "success"),
        ({"errors": ["rate limited"]}, "error"),
        ({"errors": [{"type": "APITimeoutError"}]}, "timeout"),
        ({"errors": ["deadline exceeded"], "status": "error"}, "error"),
    ],
)
def test_the_errors_of_the_sdk_are_its_status(more: dict[str, Any], status: str) -> None:
    assert parsed(SDK | more).status == status


def test_an_sdk_event_that_got_no_response() -> None:
    raw = {key: value for key, value in SDK.items() if key != "response"} | {"errors": ["boom"]}
    found = parsed(raw)
    assert (found.status, found.prompt_tokens, found.completion_tokens) == ("error", 100, None)


@pytest.mark.parametrize(
    ("more", "status"), [({"error": "boom"}, "error"), ({"status": "timeout"}, "timeout")]
)
def test_a_flat_event_may_tell_its_failure(more: dict[str, Any], status: str) -> None:
    assert parsed(FLAT | more).status == status


@pytest.mark.parametrize(
    "raw",
    [
        {**TIME, "model": "gpt-4o", "input_tokens": 100, "output_tokens": 20},
        {**TIME, "data": {"model": "gpt-4o", "prompt_tokens": 100, "completion_tokens": 20}},
        {**TIME, "model": "gpt-4o", "prompt": {"tokens": 100}, "response": {"tokens": 20}},
    ],
)
def test_a_cost_that_is_not_given_is_computed_and_says_so(raw: dict[str, Any]) -> None:
    found = parsed(raw)
    assert (found.cost, found.tags) == (0.00045, {"cost_computed": True})


def test_tags_that_are_a_list_stay_one() -> None:
    raw = {**TIME, "data": {"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 1}}
    assert parsed(raw | {"tags": ["a"]}).tags == ["a", "cost_computed"]


@pytest.mark.parametrize("event_type", ["llm.request", "metric", "trace"])
def test_only_a_call_that_was_made_is_priced(event_type: str) -> None:
    raw = GUIDE | {"event_type": event_type, "data": GUIDE["data"] | {"cost": None}}
    assert parsed(raw).cost is None


def test_cached_tokens_are_part_of_the_prompt_and_cost_less() -> None:
    raw = GUIDE | {"data": GUIDE["data"] | {"cost": None, "cached_tokens": 100}}
    assert (parsed(raw).cost, parsed(raw).total_tokens) == (0.000325, 120)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (SDK | {"prompt": {"tokens": -1}}, "prompt.tokens"),
        (SDK | {"response": {"text": 5}}, "response.text"),
        (SDK | {"response": 5}, "response"),
        (SDK | {"errors": "boom"}, "errors"),
        (SDK | {"cost_usd": "free"}, "cost_usd"),
        (SDK | {"latency_ms": float("nan")}, "latency_ms"),
        (SDK | {"metadata": {"deep": [[[[[[["x"]]]]]]]}}, "metadata"),
        (FLAT | {"model_name": 5.5}, "model_name"),
        (FLAT | {"prompt_tokens": 1.5}, "prompt_tokens"),
        (FLAT | {"status": "meh"}, "status"),
        (FLAT | {"timestamp": None}, "timestamp"),
        (GUIDE | {"data": GUIDE["data"] | {"cached_tokens": -1}}, "data.cached_tokens"),
    ],
)
def test_what_is_malformed_is_named_as_its_sender_named_it(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as problem:
        parsed(raw)
    assert problem.value.field == field
