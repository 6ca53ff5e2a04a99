"""Keys and tokens, over the real database, in an application that asks for them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from core import keys

pytestmark = pytest.mark.farm


@pytest.fixture
def client(stores: Any, opened: Any) -> FlaskClient:
    return cast("FlaskClient", opened(AUTH_ENABLED="true"))


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def tokens(client: FlaskClient) -> Any:
    return client.post("/api/v1/auth/token", json={"api_key": keys.create("test")[1]}).json


def test_without_a_key_everything_but_health_and_docs_is_401(client: FlaskClient) -> None:
    answers = {path: client.get(path) for path in ("/api/v1/analyses", "/metrics", "/health")}
    assert [answer.status_code for answer in answers.values()] == [401, 401, 200]
    assert answers["/metrics"].headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_opens_the_door(client: FlaskClient, header: str) -> None:
    _, key = keys.create("test")
    value = f"Bearer {key}" if header == "Authorization" else key
    assert client.get("/api/v1/analyses", headers={header: value}).status_code == 200


def test_a_revoked_key_and_its_tokens_are_worth_nothing(client: FlaskClient) -> None:
    key_id, key = keys.create("test")
    token = client.post("/api/v1/auth/token", json={"api_key": key}).json
    keys.revoke(key_id)
    for credential in (key, token["access_token"]):
        answer = client.get("/api/v1/analyses", headers=bearer(credential))
        assert answer.status_code == 401


def test_a_token_is_exchanged_used_refreshed_and_revoked(client: FlaskClient) -> None:
    given = tokens(client)
    fresh = client.post("/api/v1/auth/refresh", headers=bearer(given["refresh_token"])).json
    headers = bearer(fresh["access_token"])
    assert client.get("/api/v1/analyses", headers=headers).status_code == 200
    client.post("/api/v1/auth/revoke", json={"token": fresh["access_token"]})
    assert client.get("/api/v1/analyses", headers=headers).status_code == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_word_bearer_has_no_case(client: FlaskClient, scheme: str) -> None:
    given = tokens(client)
    access, refresh = (f"{scheme} {given[f'{kind}_token']}" for kind in ("access", "refresh"))
    assert client.get("/api/v1/analyses", headers={"Authorization": access}).status_code == 200
    answer = client.post("/api/v1/auth/refresh", headers={"Authorization": refresh})
    assert answer.status_code == 200


def test_a_refresh_token_is_no_access_token(client: FlaskClient) -> None:
    answer = client.get("/api/v1/analyses", headers=bearer(tokens(client)["refresh_token"]))
    assert answer.status_code == 401


@pytest.mark.parametrize("given", ["nonsense", "sk-sentinel-unknown", "a.b.c"])
def test_nonsense_is_401(client: FlaskClient, given: str) -> None:
    assert client.get("/api/v1/analyses", headers=bearer(given)).status_code == 401
    assert client.post("/api/v1/auth/token", json={"api_key": given}).status_code == 401


def test_keys_are_stored_as_digests(stores: Any) -> None:
    from core.database import unit_of_work

    _, key = keys.create("digest")
    with unit_of_work() as work:
        stored = work.execute("SELECT CAST(k AS text) FROM api_keys k").scalars().all()
    assert all(key not in row for row in stored)
