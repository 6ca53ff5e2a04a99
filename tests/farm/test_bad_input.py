"""Bad input: a 4xx problem document that names the field, never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Farm

pytestmark = pytest.mark.farm

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000

BODIES = [
    ("not JSON", b"{text: 1}", 400, None),
    ("empty", b"", 400, None),
    ("bad UTF-8", b'{"text": "\xff\xfe"}', 400, None),
    ("nested too deeply", b'{"text": ' + DEEP + b"}", 400, None),
    ("a constant that JSON lacks", b'{"text": NaN}', 400, None),
    ("a key that stands twice", b'{"text": "a", "text": "b"}', 400, None),
    ("an array", b"[1]", 422, None),
    ("a number for text", b'{"text": 5}', 422, "text"),
    ("nothing to analyse", b"{}", 422, None),
    ("a NUL", b'{"text": "a\\u0000b"}', 422, "text"),
    ("a lone surrogate", b'{"text": "\\ud800"}', 422, "text"),
    (
        "a NUL in a tool",
        b'{"text": "a", "context": {"tools": [{"a": "\\u0000"}]}}',
        422,
        "context.tools[0].a",
    ),
    ("an unknown mode", b'{"text": "a", "mode": "swift"}', 422, "mode"),
    ("an unknown engine", b'{"text": "a", "engines": ["nope"]}', 422, "engines"),
    ("an unknown member", b'{"text": "a", "txet": "b"}', 422, "txet"),
    ("an unknown policy", b'{"text": "a", "policy": "mine"}', 422, "policy"),
    ("a huge number", b'{"text": ' + b"9" * 5000 + b"}", 400, None),
]


@pytest.mark.parametrize("route", ["/api/v1/analyses", "/api/v1/analyze"])
@pytest.mark.parametrize(("about", "body", "status", "field"), BODIES, ids=lambda v: str(v)[:20])
def test_a_bad_body_is_a_problem_that_names_the_field(
    farm: Farm, route: str, about: str, body: bytes, status: int, field: str | None
) -> None:
    answer = farm.client.post(route, content=body, headers=JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    ), about
    assert answer.json().get("field") == field
    assert answer.json()["detail"]


def test_a_bad_item_of_a_batch_is_named_by_its_place(farm: Farm) -> None:
    body = {"items": [{"text": "a"}, {"text": "b"}, {"text": 3}]}
    answer = farm.client.post("/api/v1/analyses", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "items[2].text")


def test_a_body_over_the_limit_is_413(farm: Farm) -> None:
    body = json.dumps({"text": "a" * (10 * 1024 * 1024)}).encode()
    answer = farm.client.post("/api/v1/analyze", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_more_items_than_allowed_are_refused(farm: Farm) -> None:
    answer = farm.client.post("/api/v1/analyses", json={"items": [{"text": "a"}] * 10_001})
    assert (answer.status_code, answer.json()["field"]) == (422, "items")


def test_another_content_type_is_415(farm: Farm) -> None:
    headers = {"Content-Type": "application/xml"}
    answer = farm.client.post("/api/v1/analyze", content=b"<a/>", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (415, "Unsupported media type")


@pytest.mark.parametrize("route", ["/api/v1/analyses", "/api/v1/analyze", "/api/v1/auth/token"])
def test_a_body_without_content_type_is_415(farm: Farm, route: str) -> None:
    assert farm.client.post(route, content=b'{"text": "a"}').status_code == 415


def test_a_key_that_no_database_holds_is_named_by_its_place(farm: Farm) -> None:
    body = b'{"items": [{"text": "a", "context": {"tools": [{}, {"x": {"\\ud800": 1}}]}}]}'
    answer = farm.client.post("/api/v1/analyses", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (422, "items[0].context.tools[1].x.?")


def test_a_megabyte_of_one_character_gets_a_verdict(farm: Farm) -> None:
    answer = farm.client.post("/api/v1/analyze", json={"text": "a" * 1_000_000})
    assert answer.status_code == 200
    assert answer.json()["details"]["engines_triggered"] == ["denial_of_wallet"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/analyses/no-uuid", 404),
        ("GET", "/api/v1/analyses/01a2001f-3d8f-75e2-a974-ab6987b6bcc1", 404),
        ("GET", "/api/v1/engines/nope", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/v1/analyses", 405),
        ("GET", "/api/v1/analyses?limit=0", 422),
        ("GET", "/api/v1/analyses?state=done", 422),
        ("GET", "/api/v1/analyses?cursor=x", 422),
        ("GET", "/api/v1/telemetry?since=yesterday", 422),
        ("GET", "/api/v1/telemetry?cursor=%00", 422),
        ("GET", "/api/v1/telemetry/stats?bucket=2m", 422),
    ],
)
def test_a_wrong_request_is_a_problem(farm: Farm, method: str, path: str, status: int) -> None:
    answer = farm.client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_the_request_id_of_the_caller_comes_back(farm: Farm) -> None:
    answer = farm.client.get("/health", headers={"X-Request-ID": "abc-1"})
    assert answer.headers["X-Request-ID"] == "abc-1"


def test_an_unknown_engine_names_the_nearest(farm: Farm) -> None:
    body: dict[str, Any] = {"text": "a", "engines": ["jailbrake"]}
    answer = farm.client.post("/api/v1/analyze", json=body)
    assert "jailbreak" in answer.json()["detail"]
