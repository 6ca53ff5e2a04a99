"""Bodies: decompressed, bounded, and JSON without surprises."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from api import body
from api.app import create_app
from api.problems import Problem
from api.routes import telemetry

GZIP = {"Content-Encoding": "gzip"}
ITEM = {
    "text": "a prompt, with commas, [brackets] and {braces}",
    "response": "an answer",
    "context": {
        "system_prompt": "s",
        "documents": ["d", "e"],
        "history": [{"role": "user", "content": "c"}] * 3,
    },
}
EVENT = {
    "event_id": "test-001",
    "timestamp": "2025-11-06T12:00:00Z",
    "event_type": "llm.response",
    "application_id": "test-app",
    "data": {"status": "success", "latency_ms": 1250, "total_tokens": 225, "cost": 0.045},
    "metadata": {"tags": ["a"]},
}


@pytest.fixture
def received(opened: Any) -> Callable[[bytes], bytes]:
    """What `body.raw` makes of these bytes."""

    def read(data: bytes) -> bytes:
        with create_app().test_request_context(method="POST", data=data, headers=GZIP):
            return body.raw()

    return read


def refusal(text: str, values: int = body.MAX_VALUES) -> Problem:
    with pytest.raises(Problem) as problem:
        body.parse(text, values)
    return problem.value


def test_every_member_of_a_gzip_body_is_read(received: Callable[[bytes], bytes]) -> None:
    assert received(gzip.compress(b"[1,") + gzip.compress(b"2]")) == b"[1,2]"


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (gzip.compress(b"[1]") + b"garbage", 400, "not gzip to its end"),
        (gzip.compress(b"[1]") + gzip.compress(b"2")[:9], 400, "cut off"),
        (gzip.compress(b"[1]")[:-4], 400, "cut off"),
        (b"[1]", 400, "not gzip"),
        (gzip.compress(b" " * 6_000_000) * 2, 413, "exceeds"),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_a_gzip_body_that_is_not_one_is_refused(
    received: Callable[[bytes], bytes], data: bytes, status: int, said: str
) -> None:
    with pytest.raises(Problem, match=said) as problem:
        received(data)
    assert problem.value.status == status


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]'])
def test_a_key_that_stands_twice_is_refused_by_name(text: str) -> None:
    assert (refusal(text).status, "'a' stands twice" in str(refusal(text))) == (400, True)


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    assert body.parse('[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize("part", ["1", "[]", "{}", '{"a":[]}', '""'])
def test_more_values_than_allowed_are_refused_before_they_are_built(part: str) -> None:
    text = "[" + ",".join([part] * (body.MAX_VALUES + 1)) + "]"
    assert refusal(text).status == 413


@pytest.mark.parametrize("text", [", [ {", 'a \\" , \\\\', "\\u002c,"])
def test_what_stands_inside_a_string_is_no_value(text: str) -> None:
    body.parse(json.dumps({"text": text * body.MAX_VALUES}))


def test_a_string_that_never_ends_is_refused_at_once() -> None:
    assert refusal("," * body.MAX_VALUES + ',"' + '\\"' * 3_000_000 + "\\").status == 413


def test_ten_thousand_full_items_are_not_too_many() -> None:
    assert len(body.parse(json.dumps({"items": [ITEM] * 10_000}))["items"]) == 10_000


def test_fifty_thousand_events_of_the_guide_are_not_too_many() -> None:
    text = json.dumps([EVENT] * telemetry.MAX_EVENTS)
    assert len(body.parse(text, telemetry.MAX_VALUES)) == telemetry.MAX_EVENTS
