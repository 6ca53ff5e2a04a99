"""A guard call does not wait behind a batch."""

from __future__ import annotations

import pytest

from tests.conftest import Farm

pytestmark = pytest.mark.farm


def test_a_guard_call_is_judged_while_a_large_batch_is_under_way(farm: Farm) -> None:
    batch = farm.submit(items=[{"text": f"item {n} " * 40} for n in range(10_000)])
    answers = [farm.client.post("/v1/analyze", json={"text": "hello"}) for _ in range(5)]
    under_way = farm.job(batch)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert under_way["status"] in ("queued", "running")
    assert farm.finished(batch, within=100)["progress"] == {"done": 10_000, "total": 10_000}
