"""The examples of docs/telemetry.md are what the code takes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core import prices
from core.otlp import harvest
from core.otlp_json import from_json
from core.telemetry import Event, parse_event

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def events(document: Any) -> list[Event]:
    if "resourceSpans" not in document:
        return [parse_event(document, now=NOW)]
    found = harvest(from_json(document), now=NOW, default_application="none", source="page")
    return found.events


@pytest.mark.parametrize("place", range(4))
def test_every_example_tells_the_same_call(place: int) -> None:
    found = events(json.loads(blocks("json")[place]))
    assert [(one.application_id, one.model, one.total_tokens) for one in found] == [
        ("test-app", "gpt-4o", 225)
    ]
    assert (found[0].latency_ms, found[0].timestamp.hour) == (1250.0, 12)


def test_the_prices_of_the_page_can_be_read(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(blocks("yaml")[0])
    assert prices.Table(prices.read(own)).price("house-model-7") == prices.Price(0.2, 0.2, 0.2)


@pytest.mark.parametrize("setting", ["GRPC_PORT", "GRPC_TLS_ENABLED", "PRICES_FILE"])
def test_the_page_names_the_settings(setting: str) -> None:
    assert setting in PAGE
