"""A large made-up corpus of spans and events: every dialect and shape, and whatever is odd.

The same number makes the same requests on every machine. What they become is the business of
`test_same_events`.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from core.otlp_dialects import NAMES
from tests.core.test_json_shapes import SHAPES
from tests.core.test_otlp_dialects import CHAT, DIALECTS, MODEL

START = 1_760_000_000_000_000_000
Request = tuple[str, str, bytes]
"""Path, content type, body."""
KINDS: tuple[dict[str, Any], ...] = (
    *DIALECTS.values(),
    CHAT,
    MODEL,
    {},
    {**MODEL, "gen_ai.system": "openai"},
    {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 7, **MODEL},
    {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5},
    {"gen_ai.operation.name": "invoke_agent", **MODEL, "gen_ai.usage.input_tokens": 5},
    {"traceloop.span.kind": "workflow", **MODEL},
    {"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "m", "ai.usage.tokens": 7},
)
SOME = sorted({name for names in NAMES.values() for name in names})
OTHERS = (
    *("gen_ai.input.messages", "gen_ai.prompt", "input.value", "ai.prompt", "ai.response.text"),
    *("error.type", "langfuse.observation.level", "langfuse.observation.usage_details"),
    *("langfuse.observation.cost_details", "gen_ai.prompt.0.content", "gen_ai.prompt.0.role"),
    *("gen_ai.completion.0.content", "llm.prompts.0.content", "llm.input_messages.0.message.role"),
    *("llm.input_messages.0.message.content", "output.value", "gen_ai.application_name"),
    *("openinference.span.kind", "langfuse.observation.type", "ai.operationId", "http.method"),
    *("traceloop.span.kind", "llm.completions.0.content", "ai.result.text", "ai.response.object"),
)
MESSAGES = '[{"role":"system","content":"ours"},{"role":"user","content":[{"text":"a"},"b"]}]'
ODD: tuple[Any, ...] = (
    *("", "x", "12", "1.5", "-3", "nan", "1e400", " ", "u" * 256, "u" * 257, "é\u2028ü", "\u0007"),
    *(0, 1, -1, 2**53, 2**62, 10**15 + 1, 0.0, 0.5, -0.5, 7.0, float("nan"), float("inf")),
    *(True, False, None, b"\x00\xff", ["a", 1, None], {"input": 5, "output": 2.5}, [], {}),
    *("nul \0 in it", "tab\tand\nline\\ \\N", '{"input": 3, "output": "4", "total": 0.25}'),
    *("[broken", MESSAGES, '{"messages": [{"role": "user", "content": "hi"}]}', "generation"),
    *("LLM", "EMBEDDING", "chat", "ai.generateText.doGenerate", "504", "ReadTimeout", "ERROR"),
    *([{"role": "user", "parts": [{"content": "p"}, {"content": "q"}]}], {"role": "user"}),
    *("gpt-4o-2024-08-06", "openai/gpt-4o", "no-such-model", "text-embedding-3-small"),
)
MEMBERS = (
    *("event_id", "request_id", "timestamp", "event_type", "application_id", "service_name"),
    *("model", "model_name", "status", "latency_ms", "prompt_tokens", "completion_tokens"),
    *("total_tokens", "cached_tokens", "cost", "cost_usd", "user_id", "session_id", "tags"),
    *("environment", "prompt", "response", "data", "source", "metadata", "errors", "error"),
    *("input_tokens", "output_tokens", "prompt_text", "response_text", "region"),
)
INSIDE = (*MEMBERS, "text", "tokens", "service")
TIMES: tuple[Any, ...] = (
    *("2025-11-06T12:00:00Z", "2025-11-06T12:00:00.123456+02:00", "2025-11-06 12:00", "20251106"),
    *(1762430400, 1762430400123, 1762430400.5, -5, 1e300, True, "soon", "", None, [], "2200-01-01"),
    *("0001-01-01T00:00:00+14:00", "2025-11-06T12:00:00,5Z", "2025-11-06T12:00:00.1234567Z"),
)
EVENT_ODD = (*ODD, *TIMES, "llm.error", "metric", "success", "error", "timeout", [[[[[[["x"]]]]]]])


class Dice(random.Random):
    """Chances that are the same in every version of Python."""

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.random() * len(choices))]

    def chance(self, of: float) -> bool:
        return self.random() < of


def attributes(dice: Dice) -> dict[str, Any]:
    """Those of some dialect, some left out, some made odd, some of another dialect added."""
    made = {key: value for key, value in dice.pick(KINDS).items() if not dice.chance(0.08)}
    for key in list(made):
        if dice.chance(0.03):
            made[key] = dice.pick(ODD)
    for _ in range(int(dice.random() ** 2 * 5)):
        made[dice.pick(SOME if dice.chance(0.7) else OTHERS)] = dice.pick(ODD)
    return made


def span(dice: Dice, number: int, before: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A span; `before` are those of the same request, of which one may be its parent."""
    parent = dice.pick(before)["span"] if before and dice.chance(0.5) else b""
    start = START + number * 1001
    made: dict[str, Any] = {
        "trace": (7 + dice.chance(0.05)).to_bytes(16, "big"),
        "span": (number + 1).to_bytes(8, "big"),
        "parent": parent,
        "start": start,
        "end": start + int(dice.random() * 5e9),
        "code": dice.pick((0, 0, 0, 1, 2)),
        "message": dice.pick(("", "", "boom", "Request timed out.")),
        "attributes": attributes(dice),
        "events": [],
    }
    if dice.chance(0.1):
        named = ("exception", "gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt")
        words = {"exception.type": "Late", "content": "said", "role": "user", "gen_ai.prompt": "q"}
        made["events"].append((dice.pick(named), words | attributes(dice)))
    if dice.chance(0.03):
        made[dice.pick(("trace", "span", "parent"))] = dice.pick((b"", bytes(8), b"\x01\x02"))
    if dice.chance(0.03):
        made[dice.pick(("start", "end"))] = dice.pick((0, 1, 2**63, 2**64 - 1, START * 2))
    return made


def sums(dice: Dice, spans: Sequence[dict[str, Any]]) -> None:
    """Have some parents say the sum of what is below them."""
    names = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    for one in reversed(spans):
        below = [each["attributes"] for each in spans if each["parent"] == one["span"]]
        if below and dice.chance(0.5):
            for name in names:
                known = [value for each in below if type(value := each.get(name)) is int]
                if known and abs(sum(known)) < 2**62:
                    one["attributes"][name] = sum(known)


def group(dice: Dice) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A resource and its spans."""
    spans: list[dict[str, Any]] = []
    for number in range(int(dice.random() * 24)):
        spans.append(span(dice, number, spans))
    sums(dice, spans)
    if dice.chance(0.2):
        spans.reverse()
    resource: dict[str, Any] = {"service.name": dice.pick(("shop", "unknown_service:x", "ü", ""))}
    if dice.chance(0.3):
        resource[dice.pick((*SOME, "deployment.environment"))] = dice.pick(ODD)
    return resource, spans


def value(given: Any) -> AnyValue:
    """Any value as protobuf."""
    if given is None:
        return AnyValue()
    if isinstance(given, list):
        made = AnyValue()
        made.array_value.values.extend(map(value, given))
        made.array_value.SetInParent()
        return made
    if isinstance(given, dict):
        made = AnyValue()
        made.kvlist_value.values.extend(pairs(given))
        made.kvlist_value.SetInParent()
        return made
    kinds = {bool: "bool", int: "int", float: "double", str: "string", bytes: "bytes"}
    return AnyValue(**{f"{kinds[type(given)]}_value": given})


def pairs(given: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(one)) for key, one in given.items()]


def protobuf(groups: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]]) -> bytes:
    made = ExportTraceServiceRequest()
    for resource, spans in groups:
        place = made.resource_spans.add()
        place.resource.attributes.extend(pairs(resource))
        scope = place.scope_spans.add()
        for one in spans:
            sent = Span(
                trace_id=one["trace"],
                span_id=one["span"],
                parent_span_id=one["parent"],
                start_time_unix_nano=one["start"],
                end_time_unix_nano=one["end"],
                attributes=pairs(one["attributes"]),
            )
            sent.status.code, sent.status.message = one["code"], one["message"]
            for name, said in one["events"]:
                sent.events.add(name=name, attributes=pairs(said))
            scope.spans.append(sent)
    return made.SerializeToString()


def json_value(dice: Dice, given: Any) -> Any:
    """Any value in OTLP's JSON, here and there not as it should be."""
    if dice.chance(0.004):
        return dice.pick(({}, None, {"intValue": "x"}, {"stringValue": 5}, {"doubleValue": "1.5"}))
    if given is None:
        return {}
    if isinstance(given, list):
        return {"arrayValue": {"values": [json_value(dice, one) for one in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": json_pairs(dice, given)}}
    if isinstance(given, bytes):
        return {"bytesValue": base64.b64encode(given).decode()}
    if isinstance(given, float):
        return {"doubleValue": given if given - given == 0 else str(given)}
    kinds = {bool: "boolValue", int: "intValue", str: "stringValue"}
    whole = type(given) is int and dice.chance(0.5)
    return {kinds[type(given)]: str(given) if whole else given}


def json_pairs(dice: Dice, given: dict[str, Any]) -> list[Any]:
    return [{"key": key, "value": json_value(dice, one)} for key, one in given.items()]


def json_span(dice: Dice, one: dict[str, Any]) -> dict[str, Any]:
    made = {
        "traceId": one["trace"].hex().upper(),
        "spanId": one["span"].hex(),
        "parentSpanId": one["parent"].hex(),
        "name": "chat",
        "startTimeUnixNano": str(one["start"]),
        "endTimeUnixNano": one["end"],
        "attributes": json_pairs(dice, one["attributes"]),
        "status": {"code": one["code"], "message": one["message"]},
        "events": [
            {"name": name, "attributes": json_pairs(dice, said)} for name, said in one["events"]
        ],
    }
    if dice.chance(0.05):
        made[dice.pick(tuple(made))] = dice.pick((None, 5, "x", [], {}, [5], "STATUS_CODE_ERROR"))
    return made


def json_document(dice: Dice, groups: Any) -> bytes:
    places = [
        {
            "resource": {"attributes": json_pairs(dice, resource)},
            "scopeSpans": [{"spans": [json_span(dice, one) for one in spans]}],
        }
        for resource, spans in groups
    ]
    return json.dumps({"resourceSpans": places}).encode()


def event(dice: Dice) -> Any:
    """An event of some shape, some of it left out or made odd."""
    if dice.chance(0.01):
        return dice.pick(ODD[12:22])
    made = json.loads(json.dumps(dice.pick(tuple(SHAPES.values()))))
    made["timestamp"] = dice.pick(TIMES[:3] if dice.chance(0.9) else TIMES)
    made["event_id"] = f"e{int(dice.random() * 1e9)}"
    for whole in (made, *(one for one in list(made.values()) if isinstance(one, dict))):
        for key in list(whole):
            if dice.chance(0.05):
                del whole[key]
            elif dice.chance(0.015):
                whole[key] = plain(dice.pick(EVENT_ODD))
        while dice.chance(0.15):
            whole[dice.pick(INSIDE)] = plain(dice.pick(EVENT_ODD))
    return made


def plain(given: Any) -> Any:
    """What JSON can hold."""
    return given.hex() if isinstance(given, bytes) else given


def written(dice: Dice, document: Any) -> str:
    """As JSON, by one sender or another; NaN and Infinity too, which are none."""
    separators = ((",", ":"), (", ", ": "), (" , ", " : "))
    return json.dumps(
        document,
        ensure_ascii=dice.chance(0.5),
        separators=dice.pick(separators),
        indent=dice.pick((None, None, 1)),
    )


def events(dice: Dice) -> tuple[str, bytes]:
    """An array, one event or lines; now and then broken."""
    many = [event(dice) for _ in range(int(dice.random() * 24))]
    clean = [one for one in many if "NaN" not in (text := json.dumps(one)) and "Inf" not in text]
    if dice.chance(0.3):
        lines = [json.dumps(one, ensure_ascii=dice.chance(0.5)) for one in many]
        if dice.chance(0.3):
            lines.insert(0, dice.pick(('{"a": 1, "a": 2}', "{broken", " ", "[]", '"\\ud800"', "")))
        return "application/x-ndjson", "\n".join(lines).encode()
    sent = written(dice, clean if dice.chance(0.8) else clean[0] if clean else many)
    if dice.chance(0.2):
        place = int(dice.random() * len(sent))
        sent = sent[:place] + dice.pick(BREAKS) + sent[place + int(dice.random() * 2) :]
    return "application/json", sent.encode(errors="surrogatepass")


BREAKS = (
    *("", ",", '"', "}", "\\", "\\u0000", "\\ud800", "NaN", "-0", "1E400", "0" * 30, "\t", "\x01"),
    *('"x":1,"x":2', '"model":"a",', "[" * 70, ' "data" : {} ,', "\\u00e9", "é", "1" * 5000, "::"),
)


def requests(number: int, count: int) -> Iterator[Request]:
    """So many requests of each kind."""
    dice = Dice(number)
    for _ in range(count):
        groups = [group(dice) for _ in range(1 + dice.chance(0.2))]
        yield "/v1/traces", "application/x-protobuf", protobuf(groups)
        yield "/v1/traces", "application/json", json_document(dice, groups)
        kind, sent = events(dice)
        yield "/api/v1/telemetry/events", kind, sent
