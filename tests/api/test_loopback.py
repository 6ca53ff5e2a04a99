"""Without authentication the farm answers its own machine and no web page of elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

REVOKE = "/api/v1/auth/revoke"


@pytest.fixture
def open_farm(opened: Any) -> FlaskClient:
    client: FlaskClient = opened()
    return client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:8080", 200),
        ("127.0.0.2", 200),
        ("[::1]:8080", 200),
        ("rebound.example:8080", 400),
        ("127.0.0.1.rebound.example", 400),
        ("localhost.rebound.example", 400),
        ("127.0.0.1:8080@rebound.example", 400),
    ],
)
def test_only_names_of_this_machine_are_answered(
    open_farm: FlaskClient, host: str, status: int
) -> None:
    answer = open_farm.get("/health", headers={"Host": host})
    assert (answer.status_code, answer.json["status"]) == (status, status if status > 200 else "ok")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("https://[::1]", 200),
        ("http://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_foreign_origin_may_change_nothing(
    open_farm: FlaskClient, origin: str, status: int
) -> None:
    answer = open_farm.post(REVOKE, json={"token": "none"}, headers={"Origin": origin})
    assert answer.status_code == status


def test_a_foreign_origin_may_ask(open_farm: FlaskClient) -> None:
    answer = open_farm.get("/health", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_a_form_could_send_is_415(open_farm: FlaskClient, kind: str | None) -> None:
    answer = open_farm.post(REVOKE, data=b'{"token": "none"}', content_type=kind)
    assert answer.status_code == 415


def test_where_keys_are_asked_for_every_name_is_answered(opened: Any) -> None:
    client = opened(AUTH_ENABLED="true")
    headers = {"Host": "farm.example", "Origin": "http://elsewhere.example"}
    assert client.get("/health", headers=headers).status_code == 200
    assert client.post(REVOKE, json={"token": "none"}, headers=headers).status_code == 200


def test_the_document_tells_of_both_refusals_where_they_can_happen(opened: Any) -> None:
    def told(client: FlaskClient) -> set[str]:
        paths = client.get("/api/v1/openapi.json").json["paths"]
        return {"400", "403"} & set(paths["/api/v1/analyses/{job_id}/cancel"]["post"]["responses"])

    assert told(opened()) == {"400", "403"}
    assert told(opened(AUTH_ENABLED="true")) == set()
