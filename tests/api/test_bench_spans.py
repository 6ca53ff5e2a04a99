"""The requests that the benchmark of OTLP sends are good ones, and none repeats another's spans."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.otlp import harvest
from core.otlp_json import from_json
from core.otlp_span import from_protobuf
from ops.bench.spans import JSON, PROTOBUF, Template


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_each_request_has_spans_of_its_own(kind: str) -> None:
    template, seen = Template(kind, "shop", 3), set[str]()
    for first in (0, 3):
        sent = template.body(first)
        spans = from_protobuf(sent) if kind == PROTOBUF else from_json(json.loads(sent))
        found = harvest(spans, now=datetime.now(UTC), default_application="", source="")
        assert {(one.application_id, one.prompt_tokens) for one in found.events} == {("shop", 900)}
        seen |= {one.event_id for one in found.events}
    assert seen == {f"{number:016x}" for number in range(1, 7)}
