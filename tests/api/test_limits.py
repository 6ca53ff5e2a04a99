"""The rate limit: one budget for each client over all routes, and one for failed logins."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient

from core import keys

pytestmark = pytest.mark.farm

ADDRESSES = (f"192.0.2.{number}" for number in itertools.count(1))


@pytest.fixture
def limited(stores: Any, opened: Any) -> FlaskClient:
    """Three requests a minute, for a client that no other test knows."""
    client: FlaskClient = opened(RATE_LIMIT_ENABLED="true", RATE_LIMIT_REQUESTS="3")
    client.environ_base["REMOTE_ADDR"] = next(ADDRESSES)
    return client


@pytest.fixture
def guarded(limited: FlaskClient, opened: Any) -> FlaskClient:
    """The same where every request needs a key."""
    client: FlaskClient = opened(AUTH_ENABLED="true")
    client.environ_base["REMOTE_ADDR"] = next(ADDRESSES)
    return client


def statuses(client: FlaskClient, *paths: str, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for path in paths]


def test_past_the_rate_limit_a_client_gets_429_and_when_to_come_back(limited: FlaskClient) -> None:
    answers = [limited.get("/api/v1/engines") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].content_type == "application/problem+json"
    assert int(answers[3].headers["Retry-After"]) >= 1


def test_all_routes_draw_from_one_budget_and_only_health_is_free(limited: FlaskClient) -> None:
    paths = ("/api/v1/engines", "/nowhere", "/api/v1/openapi.json", "/api/v1/analyses")
    assert statuses(limited, *paths) == [200, 404, 200, 429]
    assert limited.post("/api/v1/auth/token", json={"api_key": "a"}).status_code == 429
    assert statuses(limited, "/health", "/health/live") == [200, 200]


def test_the_rate_limit_counts_each_key_apart(limited: FlaskClient) -> None:
    for name in ("a", "b"):
        given = {"X-API-Key": keys.create(name)[1]}
        assert statuses(limited, *["/api/v1/engines"] * 4, **given) == [200, 200, 200, 429]


def test_failed_logins_are_counted_before_the_next_key_is_looked_at(guarded: FlaskClient) -> None:
    wrong = {"X-API-Key": "sk-sentinel-wrong"}
    assert statuses(guarded, *["/api/v1/engines"] * 3, **wrong) == [401, 401, 401]
    answer = guarded.get("/api/v1/engines", headers={"X-API-Key": keys.create("right")[1]})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "X-RateLimit-Limit" not in answer.headers


def test_refused_exchanges_of_a_key_are_failed_logins_too(guarded: FlaskClient) -> None:
    for _ in range(3):
        guarded.post("/api/v1/auth/token", json={"api_key": "sk-sentinel-wrong"})
    assert statuses(guarded, "/api/v1/engines", "/health") == [429, 200]


def test_requests_with_a_good_key_are_no_failures(guarded: FlaskClient) -> None:
    for name in ("c", "d"):
        given = {"X-API-Key": keys.create(name)[1]}
        assert statuses(guarded, *["/api/v1/engines"] * 3, **given) == [200, 200, 200]
