"""What is read quickly is read as the tables read it, over a large made-up corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api import body
from api.problems import Problem
from core import otlp_span, otlp_texts
from core.errors import BadInput
from core.otlp import harvest
from core.otlp_dialects import NAMES, find
from core.otlp_names import look, names_of
from core.telemetry import Event, parse_event
from core.telemetry_shapes import FIELDS, careful, quick, shape_of
from tests.api.corpus import BREAKS, Dice, event, group, protobuf, requests
from workers import event_lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DICE = 20


def spans(count: int = 150) -> list[otlp_span.Span]:
    dice = Dice(DICE)
    groups = [group(dice) for _ in range(count)]
    return otlp_span.from_protobuf(protobuf(groups))


def events(count: int = 2000) -> list[dict[str, Any]]:
    dice = Dice(DICE)
    return [one for _ in range(count) if isinstance(one := event(dice), dict)]


def test_every_field_of_a_span_is_the_one_that_its_table_finds() -> None:
    for one in spans():
        for attributes in (one.attributes, one.resource):
            found = look(attributes, names_of(attributes))
            for field in NAMES:
                value, name = find(attributes, field)
                assert repr(found.get(field)) == repr(None if value is None else (value, name))


def test_a_span_whose_names_tell_of_no_text_has_none() -> None:
    silent = [one for one in spans() if not (names_of(one.attributes).texts or one.events)]
    assert len(silent) > 100
    assert {otlp_texts.prompt(one) or otlp_texts.response(one) for one in silent} == {None}


def test_every_value_of_protobuf_is_read_by_its_kind() -> None:
    sent = ExportTraceServiceRequest.FromString(protobuf([group(Dice(n)) for n in range(40)]))
    for whole in sent.resource_spans:
        for one in whole.scope_spans[0].spans:
            by_kind = {pair.key: otlp_span._value(pair.value) for pair in one.attributes}
            assert repr(otlp_span._attributes(one.attributes)) == repr(by_kind)


def test_an_event_is_read_as_its_table_reads_it() -> None:
    quickly = 0
    for raw in events():
        row = quick(raw, shape_of(raw))
        if row is not None:
            quickly += 1
            assert [repr(one) for one in row] == [repr(one) for one in by_table(raw)]
    assert quickly > 800


def by_table(raw: dict[str, Any]) -> list[Any]:
    found = careful(raw, shape_of(raw))
    return [found.get(field) for field in FIELDS]


def all_events() -> Iterator[Event]:
    yield from harvest(spans(), now=NOW, default_application="d", source="s").events
    for raw in events():
        try:
            yield parse_event(raw, now=NOW, fallback_id="f")
        except BadInput:
            continue


def test_a_line_made_at_once_is_the_one_made_field_by_field() -> None:
    for one in all_events():
        line = event_lines.of_event(one, "t", "now")
        fields = line.split("\t")[1:]
        tags = None if one.tags is None else event_lines.plain(fields[15])
        assert tags is None or json.loads(tags) == one.tags
        row = (one.timestamp.isoformat(), "t", one.application_id, one.event_id, one.event_type)
        row += (one.model, one.status, *one[6:14], tags, "now", one.prompt, one.response)
        assert line == event_lines.of_row(row)


def outcome(read: Any, text: str) -> str:
    try:
        return repr(read(text))
    except Problem as problem:
        return f"{problem.status} {problem}"


DOUBTFUL = (
    *('{"a":1,"a":2}', '{"a" :1,"a":":"}', '{"a\\"":1,"a\\"":2}', '{"a\\\\":1,"a\\\\":"\\":"}'),
    *('{"a":":"}', '{"a":"\\":"}', '{"a"\n:1,"a":":"}', '{"a"\t:1,"a"\r:2,"b":"::\\":"}', "5"),
    *("[" * depth + "1" + "]" * depth for depth in (62, 63, 64, 65, 300)),
    *("[" * depth + "]" * depth for depth in (63, 64, 65, 66)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (63, 64)),
    *BREAKS,
)


def test_a_doubtful_document_is_read_with_care() -> None:
    for text in DOUBTFUL:
        assert outcome(body.parse, text) == outcome(body._careful, text), text[:80]


def test_every_document_is_the_one_that_is_read_with_care() -> None:
    for _, kind, sent in requests(DICE, 60):
        if kind == "application/json":
            text = sent.decode()
            assert outcome(body.parse, text) == outcome(body._careful, text)
