"""The names under which senders put what a model call was, and which spans are model calls at all.

Covered: OpenTelemetry's GenAI conventions, current and deprecated, OpenInference, the Vercel AI
SDK, OpenLLMetry (Traceloop), OpenLIT, LiteLLM, Logfire and the Langfuse SDKs. Where several names
are present the first of a row counts. Cached and reasoning tokens are parts of the input and output
tokens and are never added to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NAMES: dict[str, tuple[str, ...]] = {
    "model": (
        "gen_ai.request.model",
        "gen_ai.response.model",
        "llm.model_name",
        "llm.request.model",
        "llm.response.model",
        "llm.model",
        "embedding.model_name",
        "ai.model.id",
        "ai.response.model",
        "langfuse.observation.model.name",
    ),
    "prompt_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    "completion_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "total_tokens": (
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
    ),
    "cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.cached_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.usage.cache_read_input_tokens",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    "cost": (
        "gen_ai.usage.cost",
        "gen_ai.usage.cost_usd",
        "gen_ai.usage.total_cost",
        "gen_ai.usage.cost.total",
        "gen_ai.cost.total_cost",
        "litellm.cost.total",
        "llm.cost.total",
        "llm.usage.total_cost",
        "llm.usage.cost",
        "operation.cost",
    ),
    "user_id": (
        "user.id",
        "enduser.id",
        "langfuse.user.id",
        "gen_ai.user.id",
        "traceloop.association.properties.user_id",
        "ai.telemetry.metadata.userId",
    ),
    "session_id": (
        "session.id",
        "gen_ai.conversation.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
        "ai.telemetry.metadata.sessionId",
    ),
    "key": (
        "metadata.user_api_key_alias",
        "traceloop.association.properties.key",
        "ai.telemetry.metadata.key",
    ),
    "environment": (
        "deployment.environment.name",
        "deployment.environment",
        "langfuse.environment",
        "gen_ai.environment",
    ),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
    ),
    "operation": (
        "gen_ai.operation.name",
        "llm.request.type",
        "ai.operationId",
        "langfuse.observation.type",
        "openinference.span.kind",
    ),
}
_DETAILS: dict[str, tuple[str, tuple[str, ...]]] = {
    "prompt_tokens": (
        "langfuse.observation.usage_details",
        ("input", "input_tokens", "prompt_tokens", "promptTokens"),
    ),
    "completion_tokens": (
        "langfuse.observation.usage_details",
        ("output", "output_tokens", "completion_tokens", "completionTokens"),
    ),
    "total_tokens": (
        "langfuse.observation.usage_details",
        ("total", "total_tokens", "totalTokens"),
    ),
    "cached_tokens": (
        "langfuse.observation.usage_details",
        ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens"),
    ),
    "reasoning_tokens": (
        "langfuse.observation.usage_details",
        ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens"),
    ),
    "cost": ("langfuse.observation.cost_details", ("total",)),
}
"""Members of an object, or of JSON in a string, for fields that no attribute of NAMES gives."""

CALL, PERHAPS, OTHER = "call", "perhaps", "other"
_OPERATIONS = (
    "chat",
    "text_completion",
    "completion",
    "generate_content",
    "embeddings",
    "embedding",
    "responses",
)
_NO_CALLS = (
    "create_agent",
    "invoke_agent",
    "agent",
    "execute_tool",
    "tool",
    "invoke_workflow",
    "workflow",
    "retrieval",
    "vectordb",
    "framework",
    "task",
)
_VERCEL_CALLS = (".doGenerate", ".doStream", ".doEmbed")
_SIGNS = ("prompt_tokens", "completion_tokens", "total_tokens", "cost", "provider")


def role(attributes: Mapping[str, Any]) -> str:
    """Whether a span is a model call, perhaps one (told by its model and usage alone), or other.

    Chains, agents, tools and the outer spans of the Vercel AI SDK are others, whatever sums of
    their children's tokens they carry.
    """
    kind = attributes.get("openinference.span.kind")
    if isinstance(kind, str):
        return CALL if kind.upper() in ("LLM", "EMBEDDING") else OTHER
    kind = attributes.get("langfuse.observation.type")
    if isinstance(kind, str):
        return CALL if kind.lower() in ("generation", "embedding") else OTHER
    kind = attributes.get("ai.operationId")
    if isinstance(kind, str):
        return CALL if kind.endswith(_VERCEL_CALLS) else OTHER
    if "traceloop.span.kind" in attributes:
        return OTHER
    kind = attributes.get("gen_ai.operation.name", attributes.get("llm.request.type"))
    if kind in _OPERATIONS:
        return CALL
    if kind in _NO_CALLS or find(attributes, "model")[0] is None:
        return OTHER
    return PERHAPS if any(find(attributes, one)[0] is not None for one in _SIGNS) else OTHER


def find(attributes: Mapping[str, Any], field: str) -> tuple[Any, str]:
    """The first value under any name of the field, and that name; None and the first name if none.

    A NaN, which some senders write for "not known", is none.
    """
    for name in NAMES[field]:
        value = attributes.get(name)
        if value is not None and value == value and value != "":
            return value, name
    if details_name(field) in attributes:
        return detail(attributes, field)
    return None, NAMES[field][0]


def details_name(field: str) -> str | None:
    """The attribute whose members give a field that no attribute of NAMES gives."""
    return _DETAILS[field][0] if field in _DETAILS else None


def detail(attributes: Mapping[str, Any], field: str) -> tuple[Any, str]:
    """The field from the attribute that `details_name` names; None if it is not in there."""
    name, members = _DETAILS[field]
    details = _object(attributes[name])
    for member in members:
        if details.get(member) is not None:
            return details[member], f"{name}.{member}"
    return (_sum(details) if field == "cost" and details else None), name


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def _sum(details: Mapping[str, Any]) -> float | None:
    costs = [one for one in details.values() if isinstance(one, int | float)]
    return float(sum(costs)) if costs else None
