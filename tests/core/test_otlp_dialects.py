"""What each dialect of GenAI spans says becomes the same event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.otlp import Harvest, harvest
from core.otlp_span import Span
from core.telemetry import Event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = 1_760_000_000_000_000_000
MODEL = {"gen_ai.request.model": "gpt-4o"}
CHAT = {"gen_ai.operation.name": "chat", **MODEL}


def span(attributes: dict[str, Any], number: int = 1, **more: Any) -> Span:
    values: dict[str, Any] = {
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": f"{number:016x}",
        "parent_id": "",
        "name": "chat",
        "start_ns": START,
        "end_ns": START + 1_250_000_000,
        "status_code": 0,
        "status_message": "",
        "events": (),
        "resource": {"service.name": "shop"},
    }
    return Span(**{**values, "attributes": attributes, **more})


def taken(*spans: Span) -> Harvest:
    return harvest(spans, now=NOW, default_application="default", source="otlp-http")


def event(attributes: dict[str, Any], **more: Any) -> Event:
    found = taken(span(attributes, **more))
    assert found.rejects == []
    return found.events[0]


DIALECTS: dict[str, dict[str, Any]] = {
    "current conventions": {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.conversation.id": "s1",
        "user.id": "u1",
        "gen_ai.input.messages": json.dumps(
            [
                {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
                {"role": "user", "parts": [{"type": "text", "content": "hello"}]},
            ]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]
        ),
    },
    "deprecated conventions": {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "gen_ai.usage.cache_read_input_tokens": 60,
        "gen_ai.usage.reasoning_tokens": 5,
        "session.id": "s1",
        "enduser.id": "u1",
        "gen_ai.prompt": '[{"role": "user", "content": "hello"}]',
        "gen_ai.completion": '[{"role": "assistant", "content": "hi"}]',
    },
    "OpenInference": {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.total": 120,
        "llm.token_count.prompt_details.cache_read": 60,
        "llm.token_count.completion_details.reasoning": 5,
        "session.id": "s1",
        "user.id": "u1",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "be brief",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "hello",
        "output.value": '{"choices": [{"message": {"role": "assistant", "content": "hi"}}]}',
    },
    "Vercel AI SDK 5": {
        "operation.name": "ai.generateText.doGenerate",
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": "gpt-4o",
        "ai.model.provider": "openai.chat",
        "ai.usage.inputTokens": 100,
        "ai.usage.outputTokens": 20,
        "ai.usage.totalTokens": 120,
        "ai.usage.cachedInputTokens": 60,
        "ai.usage.reasoningTokens": 5,
        "ai.telemetry.metadata.userId": "u1",
        "ai.telemetry.metadata.sessionId": "s1",
        "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"hello"}]}]',
        "ai.response.text": "hi",
    },
    "Vercel AI SDK 4": {
        "ai.operationId": "ai.streamText.doStream",
        "ai.model.id": "gpt-4o",
        "ai.usage.promptTokens": 100,
        "ai.usage.completionTokens": 20,
        "ai.usage.cachedInputTokens": 60,
        "ai.usage.reasoningTokens": 5,
        "ai.telemetry.metadata.userId": "u1",
        "ai.telemetry.metadata.sessionId": "s1",
        "ai.prompt": '{"system": "be brief", "prompt": "hello"}',
        "ai.response.text": "hi",
    },
    "OpenLLMetry": {
        "llm.request.type": "chat",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "llm.usage.total_tokens": 120,
        "gen_ai.usage.cache_read_input_tokens": 60,
        "gen_ai.usage.reasoning_tokens": 5,
        "traceloop.association.properties.user_id": "u1",
        "traceloop.association.properties.session_id": "s1",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "be brief",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "hello",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "hi",
    },
    "Langfuse": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o",
        "langfuse.observation.usage_details": json.dumps(
            {
                "input": 100,
                "output": 20,
                "input_cached_tokens": 60,
                "output_reasoning_tokens": 5,
            }
        ),
        "langfuse.observation.input": '[{"role": "user", "content": "hello"}]',
        "langfuse.observation.output": '{"role": "assistant", "content": "hi"}',
        "langfuse.user.id": "u1",
        "langfuse.session.id": "s1",
    },
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_tells_the_same_call(dialect: str) -> None:
    found = event(DIALECTS[dialect])
    assert (found.model, found.status, found.event_type) == ("gpt-4o", "success", "llm.response")
    assert (found.prompt_tokens, found.completion_tokens, found.total_tokens) == (100, 20, 120)
    assert (found.user_id, found.session_id) == ("u1", "s1")
    assert (found.prompt, found.response) == ("hello", "hi")
    assert found.cost == pytest.approx((40 * 2.5 + 60 * 1.25 + 20 * 10) / 1e6)
    assert (found.tags["cached_tokens"], found.tags["reasoning_tokens"]) == (60, 5)
    assert found.tags["cost_computed"] is True


def test_ids_times_and_the_service() -> None:
    found = event(CHAT, number=255, resource={"service.name": "a", "deployment.environment": "eu"})
    assert (found.event_id, found.application_id, found.environment) == (
        "00000000000000ff",
        "a",
        "eu",
    )
    assert found.timestamp == datetime.fromtimestamp(START / 1e9, UTC)
    assert (found.latency_ms, found.tags["trace_id"][:6]) == (1250.0, "5b8eff")


@pytest.mark.parametrize("resource", [{}, {"service.name": "unknown_service:python"}])
def test_a_process_without_a_name_of_its_own_is_the_default(resource: dict[str, str]) -> None:
    assert event(CHAT, resource=resource).application_id == "default"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("gen_ai.usage.cost", 0.5),
        ("gen_ai.cost.total_cost", 0.5),
        ("llm.cost.total", 0.5),
        ("operation.cost", 0.5),
        ("langfuse.observation.cost_details", '{"total": 0.5, "input": 0.1}'),
        ("langfuse.observation.cost_details", {"input": 0.2, "output": 0.3}),
    ],
)
def test_the_cost_of_the_sender_stands_above_the_table(attribute: str, value: Any) -> None:
    found = event({**CHAT, "gen_ai.usage.input_tokens": 1, attribute: value})
    assert (found.cost, "cost_computed" in found.tags) == (pytest.approx(0.5), False)


@pytest.mark.parametrize(
    "attribute",
    [
        "metadata.user_api_key_alias",
        "traceloop.association.properties.key",
        "ai.telemetry.metadata.key",
    ],
)
def test_the_key_that_paid_is_a_tag(attribute: str) -> None:
    assert event({**CHAT, attribute: "ops-agent"}).tags["key"] == "ops-agent"


def test_a_total_that_counts_the_cache_twice_is_not_believed() -> None:
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    assert event({**CHAT, **usage, "gen_ai.usage.total_tokens": 99}).total_tokens == 15


def test_a_total_alone_is_kept_and_a_nan_is_not_known() -> None:
    lone = {"gen_ai.usage.total_tokens": 9, "gen_ai.usage.input_tokens": float("nan")}
    found = event({**CHAT, **lone})
    assert (found.total_tokens, found.prompt_tokens) == (9, None)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"status_code": 1}, "success"),
        ({"status_code": 2}, "error"),
        ({"status_code": 2, "status_message": "Request timed out."}, "timeout"),
        ({"status_code": 2, "status_message": "DEADLINE_EXCEEDED"}, "timeout"),
        ({"attributes": {**CHAT, "error.type": "rate_limit"}}, "error"),
        ({"attributes": {**CHAT, "error.type": "openai.APITimeoutError"}}, "timeout"),
        ({"attributes": {**CHAT, "error.type": "504"}}, "timeout"),
        ({"attributes": {**CHAT, "error.type": "x"}, "status_code": 1}, "success"),
        ({"attributes": {**CHAT, "langfuse.observation.level": "ERROR"}}, "error"),
        (
            {"status_code": 2, "events": (("exception", {"exception.type": "ReadTimeout"}),)},
            "timeout",
        ),
        ({"events": (("exception", {"exception.type": "Handled"}),)}, "success"),
    ],
)
def test_status(more: dict[str, Any], status: str) -> None:
    more = {"attributes": CHAT, **more}
    found = event(more.pop("attributes"), **more)
    assert (found.status, found.event_type == "llm.error") == (status, status != "success")


@pytest.mark.parametrize(
    "attributes",
    [
        {"http.request.method": "POST"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"},
        {"gen_ai.operation.name": "invoke_agent", **MODEL, "gen_ai.usage.input_tokens": 5},
        {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5},
        {"openinference.span.kind": "AGENT", **CHAT},
        {"ai.operationId": "ai.generateText", "ai.model.id": "m", "ai.usage.promptTokens": 5},
        {"ai.operationId": "ai.toolCall"},
        {"traceloop.span.kind": "workflow", **MODEL, "llm.usage.total_tokens": 5},
        {"langfuse.observation.type": "span", **MODEL},
        MODEL,
    ],
)
def test_spans_that_are_no_model_call_are_taken_and_not_kept(attributes: dict[str, Any]) -> None:
    found = taken(span(attributes))
    assert (found.events, found.others, found.rejected) == ([], 1, 0)


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 7, **MODEL},
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "m"},
        {"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "m", "ai.usage.tokens": 7},
        {**MODEL, "gen_ai.system": "openai"},
        {"gen_ai.operation.name": "of their own", **MODEL, "gen_ai.usage.input_tokens": 7},
    ],
)
def test_spans_that_are_model_calls(attributes: dict[str, Any]) -> None:
    assert len(taken(span(attributes)).events) == 1


@pytest.mark.parametrize(
    ("event_name", "attributes"),
    [
        ("gen_ai.content.prompt", {"gen_ai.prompt": "hello"}),
        ("gen_ai.user.message", {"content": "hello", "role": "user"}),
        ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "hello"}'}),
        (
            "gen_ai.client.inference.operation.details",
            {"gen_ai.input.messages": [{"role": "user", "parts": [{"content": "hello"}]}]},
        ),
    ],
)
def test_a_prompt_in_a_span_event(event_name: str, attributes: dict[str, Any]) -> None:
    assert event(CHAT, events=((event_name, attributes),)).prompt == "hello"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain words", "plain words"),
        ('{"name": "not a message"}', '{"name": "not a message"}'),
        ("[broken", "[broken"),
        ('[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]',
         "user: a\n\nassistant: b"),
        ('[{"role":"system","content":"only ours"}]', None),
        ("nul \x00 and \ud800", "nul \ufffd and ?"),
        ("[" * 5000, "[" * 5000),
    ],
)  # fmt: skip
def test_texts(sent: str, kept: str | None) -> None:
    assert event({**CHAT, "gen_ai.prompt": sent}).prompt == kept


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"attributes": {**CHAT, "gen_ai.usage.input_tokens": -1}}, "gen_ai.usage.input_tokens"),
        ({"attributes": {**CHAT, "gen_ai.usage.output_tokens": "x"}}, "gen_ai.usage.output_tokens"),
        ({"attributes": {**CHAT, "gen_ai.usage.cost": float("inf")}}, "gen_ai.usage.cost"),
        ({"attributes": {**CHAT, "user.id": "u" * 300}}, "user.id"),
        ({"span_id": "0" * 16}, "span_id"),
        ({"trace_id": "ab"}, "trace_id"),
        ({"start_ns": 0}, "start_time_unix_nano"),
        ({"start_ns": 2**63}, "start_time_unix_nano"),
        ({"end_ns": START - 1}, "end_time_unix_nano"),
    ],
)
def test_a_malformed_call_is_named_and_costs_no_neighbour(more: dict[str, Any], field: str) -> None:
    more = {"attributes": CHAT, **more}
    found = taken(span(more.pop("attributes"), **more), span(CHAT, 2))
    assert [(one.index, one.field) for one in found.rejects] == [(0, field)]
    assert [one.event_id for one in found.events] == [f"{2:016x}"]
