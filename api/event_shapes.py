"""The JSON shapes in which telemetry events may come; members that nobody knows are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from core.telemetry import MAX_NUMBER

_EventType = Literal["llm.request", "llm.response", "llm.error", "metric", "trace"]
_Status = Literal["success", "error", "timeout"]
Number = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]


class EventData(BaseModel):
    """What was measured. Latency in milliseconds, cost in US dollars."""

    model: str | None = None
    status: _Status | None = None
    latency_ms: Number | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    cached_tokens: Count | None = Field(default=None, description="Part of `prompt_tokens`.")
    cost: Number | None = Field(
        default=None, description="Computed from the price table if absent."
    )
    prompt: str | None = None
    response: str | None = None


class _Event(BaseModel):
    model_config = ConfigDict(extra="allow")

    timestamp: datetime
    event_type: _EventType | None = None
    metadata: dict[str, Any] | None = Field(
        default=None, description="user_id, session_id, environment, tags."
    )


class GuideEvent(_Event):
    """What was measured stands in `data`."""

    event_id: str | None = Field(
        default=None, description="Any string; one is made from the body if absent."
    )
    application_id: str | None = None
    source: dict[str, Any] | None = None
    data: EventData | None = None


class SdkText(BaseModel):
    """A prompt or a response, and its tokens."""

    model_config = ConfigDict(extra="allow")

    text: str | None = None
    tokens: Count | None = None


class SdkEvent(_Event):
    """`prompt` and `response` are objects; `errors` tells whether it went well."""

    event_id: str | None = None
    service_name: str | None = None
    model: str | None = None
    prompt: SdkText
    response: SdkText | None = None
    latency_ms: Number | None = None
    cost_usd: Number | None = None
    errors: list[Any] | None = None


class FlatEvent(_Event):
    """Everything stands at the top."""

    request_id: str | None = None
    service_name: str | None = None
    model_name: str | None = None
    status: _Status | None = None
    latency_ms: Number | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cost_usd: Number | None = None
    prompt_text: str | None = None
    response_text: str | None = None


class TelemetryEvent(RootModel[GuideEvent | SdkEvent | FlatEvent]):
    """One event of an LLM call; each event of a request may have another shape."""
