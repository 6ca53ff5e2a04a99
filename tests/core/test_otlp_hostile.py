"""Whatever stands in a span, it becomes an event or a named reject, never an accident."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.otlp import harvest
from core.otlp_dialects import NAMES
from core.otlp_json import from_json
from core.telemetry import parse_event
from tests.core.test_json_shapes import SHAPES
from tests.core.test_otlp_dialects import CHAT, span

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = sorted(
    {name for names in NAMES.values() for name in names}
    | {"gen_ai.input.messages", "gen_ai.prompt", "input.value", "ai.prompt", "error.type"}
    | {"openinference.span.kind", "langfuse.observation.type", "langfuse.observation.level"}
    | {"langfuse.observation.usage_details", "langfuse.observation.cost_details"}
    | {"gen_ai.prompt.0.content", "gen_ai.prompt.0.role", "llm.input_messages.0.message.role"}
)
JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def nested(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["role", "content", "parts", "text", "input", "total", "x"])
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


JSON_VALUES = nested(JSON_SCALARS)
VALUES = nested(JSON_SCALARS | st.binary(max_size=4))
MEMBERS = st.sampled_from(
    [
        *("data", "prompt", "response", "metadata", "errors", "model", "timestamp", "tags"),
        *("event_id", "latency_ms", "cost_usd", "status", "event_type", "error", "source"),
    ]
)
quickly = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@quickly
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_attributes(attributes: dict[str, Any]) -> None:
    spans = [span({**CHAT, **attributes}), span(CHAT, 2)]
    found = harvest(spans, now=NOW, default_application="d", source="s")
    told = len(found.events) + found.rejected + found.others + found.repeated
    assert (told, found.events[-1].event_id) == (2, f"{2:016x}")
    for one in found.events:
        json.dumps(one.tags).encode()
        assert "\x00" not in f"{one.prompt}{one.response}{one.model}{one.tags}"


@quickly
@given(st.dictionaries(MEMBERS, JSON_VALUES, max_size=4), st.sampled_from(sorted(SHAPES)))
def test_any_event(members: dict[str, Any], shape: str) -> None:
    with suppress(BadInput):
        json.dumps(parse_event(SHAPES[shape] | members, now=NOW).tags).encode()


@quickly
@given(JSON_VALUES, st.sampled_from(["resource", "scopeSpans", "resourceSpans", "spans", "span"]))
def test_any_json(value: Any, place: str) -> None:
    scope = {"spans": value if place == "spans" else [value]}
    group = {"scopeSpans": value if place == "scopeSpans" else [scope]}
    if place == "resource":
        group = {"resource": value}
    with suppress(BadInput):
        from_json({"resourceSpans": value if place == "resourceSpans" else [group]})
