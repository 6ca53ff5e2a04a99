"""The application as a whole: refused at the start, counted at the end."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY

from api.routes import analyze, docs
from core.errors import BadInput, BrokerDown, ConfigError


@pytest.mark.parametrize("setting", ["ENABLED_ENGINES", "DISABLED_ENGINES"])
def test_an_unknown_engine_in_a_setting_is_refused_at_the_start(opened: Any, setting: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}.*'typo'"):
        opened(**{setting: "typo"})


@pytest.mark.parametrize(
    ("failure", "status", "counted"),
    [(RuntimeError("a bug"), 500, 1), (BrokerDown(), 503, 1), (BadInput("no engine"), 422, 0)],
)
def test_a_guard_call_that_failed_is_counted_as_an_error(
    opened: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int, counted: int
) -> None:
    def fail(_: object) -> None:
        raise failure

    monkeypatch.setattr(analyze, "submit", fail)
    before = errors()
    assert opened().post("/v1/analyze", json={"text": "a"}).status_code == status
    assert errors() == before + counted


def errors() -> float:
    return REGISTRY.get_sample_value("sentinel_requests_total", {"status": "error"}) or 0.0


def test_the_openapi_document_is_made_once(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened()
    first = client.get("/api/v1/openapi.json").data
    monkeypatch.delattr(docs, "document")
    assert client.get("/api/v1/openapi.json").data == first
