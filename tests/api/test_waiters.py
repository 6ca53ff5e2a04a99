"""Clients that wait hold at most half of the threads, and give them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api import waiters
from api.problems import Problem
from api.routes import analyses
from core.database import unit_of_work
from core.ids import new_id
from workers import reading

pytestmark = pytest.mark.farm


@pytest.fixture
def client(stores: Any, opened: Any) -> FlaskClient:
    """An application with one slot for waiters."""
    found: FlaskClient = opened(GATEWAY_THREADS="2")
    return found


@pytest.fixture
def job(stores: Any) -> Iterator[UUID]:
    """A job that nobody will ever run."""
    made, now = new_id(), datetime.now(UTC)
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO analyses (id, tenant, application_id, kind, state, mode, item_count,"
            " runs_left, created_at, deadline_at) VALUES (:id, 'default', 'waiters', 'single',"
            " 'queued', 'fast', 1, 1, :now, :later)",
            id=made,
            now=now,
            later=now + timedelta(hours=1),
        )
    yield made
    with unit_of_work() as work:
        work.execute("DELETE FROM analyses WHERE id = :id", id=made)


def test_half_of_the_threads_may_wait_and_at_least_one(opened: Any) -> None:
    for threads, slots in ((16, 8), (3, 1), (1, 1)):
        application = opened(GATEWAY_THREADS=str(threads)).application
        with application.app_context():
            taken = [waiters.take() for _ in range(slots)]
            assert len(taken) == slots
            with pytest.raises(Problem, match="too many"):
                waiters.take()


def test_a_slot_is_free_again_however_the_waiting_ended(client: FlaskClient) -> None:
    with client.application.app_context():
        with suppress(RuntimeError), waiters.slot():
            raise RuntimeError
        with waiters.slot() as one, waiters.slot() as two:
            assert (one, two) == (True, False)
        give_back = waiters.take()
        give_back()
        give_back()


def test_a_stream_without_a_slot_is_503_until_another_is_closed(
    client: FlaskClient, job: UUID
) -> None:
    path = f"/api/v1/analyses/{job}/events"
    first, second = client.get(path), client.get(path)
    assert (first.status_code, second.status_code) == (200, 503)
    assert int(second.headers["Retry-After"]) >= 1
    first.close()
    assert client.get(path).status_code == 200


def test_a_stream_of_an_unknown_job_takes_no_slot(client: FlaskClient, job: UUID) -> None:
    assert client.get(f"/api/v1/analyses/{new_id()}/events").status_code == 404
    assert client.get(f"/api/v1/analyses/{job}/events").status_code == 200


WAIT = {"Prefer": "wait=60"}


def test_without_a_slot_prefer_wait_is_answered_at_once(client: FlaskClient, job: UUID) -> None:
    with client.get(f"/api/v1/analyses/{job}/events"):
        answer = client.post("/api/v1/analyses", json={"text": "nobody is here"}, headers=WAIT)
    assert answer.status_code == 202


def test_a_quiet_stream_says_that_it_lives(job: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyses, "EVENT_SECONDS", 0)
    monkeypatch.setattr(analyses, "KEEP_ALIVE_SECONDS", 0)
    stream = analyses._follow(job, "default", dict(reading.job(job, "default")))
    assert next(stream).startswith("event: progress")
    assert [next(stream), next(stream)] == [": keep-alive\n\n"] * 2


def test_the_etag_changes_with_each_run_that_ended(client: FlaskClient, job: UUID) -> None:
    path = f"/api/v1/analyses/{job}"
    tag = client.get(path).headers["ETag"]
    for known in (tag, f"W/{tag}"):
        assert client.get(path, headers={"If-None-Match": known}).status_code == 304
    with unit_of_work() as work:
        work.execute("UPDATE analyses SET runs_left = 0 WHERE id = :id", id=job)
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200
