"""The wire shapes of the guard half. Unknown members are refused, so that a typo is seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.analysis import Action, Content, JobState, Mode, Outcome, Verdict

MAX_ITEMS = 10_000


Text = str
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Turn(_Strict):
    """One message of the conversation so far."""

    role: Name
    content: Text


class Context(_Strict):
    """What surrounds the prompt."""

    system_prompt: Text | None = None
    documents: list[Text] = Field(default=[], max_length=100)
    history: list[Turn] = Field(default=[], max_length=1000)
    tools: list[dict[str, Any]] = Field(default=[], max_length=1000)


_ONE_PROMPT: dict[str, Any] = {"not": {"required": ["text", "prompt"]}}
_ANY_TEXT: list[Any] = [{"required": [name]} for name in ("text", "prompt", "response")]


class Input(_Strict):
    """One input: a prompt (`text` or `prompt`), a response, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _ANY_TEXT, **_ONE_PROMPT})

    text: Text | None = Field(default=None, description="The prompt.")
    prompt: Text | None = Field(default=None, description="Another name of `text`.")
    response: Text | None = Field(default=None, description="What the model answered.")
    context: Context | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.text is not None and self.prompt is not None:
            raise ValueError("send `text` or `prompt`, not both: they mean the same")
        if not (self.text or self.prompt or self.response):
            raise ValueError("send a non-empty `text`, `prompt` or `response`")
        return self

    def content(self) -> Content:
        """The input as the farm knows it."""
        about, text = self.context, self.text or self.prompt or ""
        if about is None:
            return Content(text=text, response=self.response)
        return Content(
            text=text,
            response=self.response,
            system_prompt=about.system_prompt,
            documents=tuple(about.documents),
            history=tuple({"role": turn.role, "content": turn.content} for turn in about.history),
            tools=tuple(about.tools),
        )


class Options(_Strict):
    """How to analyse; the same for every item of a batch."""

    mode: Annotated[Mode, Field(strict=False)] | None = Field(
        default=None, description="Default: BRAIN_ANALYSIS_MODE."
    )
    engines: list[Name] | None = Field(
        default=None, max_length=200, description="Engines to run; default: all of the mode."
    )
    application_id: Name | None = None
    session_id: Name | None = None
    user_id: Name | None = Field(
        default=None,
        description="Whose input it is, as your application names its users. Detectors over"
        " verdicts go by it, and by `session_id` where it is missing; the verdict does not.",
    )
    policy: Name | None = Field(
        default=None,
        description="Name of the policy that judges; default: that of the application, else"
        " `default`. GET /api/v1/policies lists them.",
    )
    deadline_s: float | None = Field(
        default=None,
        gt=0,
        le=604_800,
        description="Seconds within which the answer is of use. Work that cannot be done by then is"
        " refused, or expires. Default: GUARD_TIMEOUT, JOB_DEADLINE.",
    )


class GuardRequest(Input, Options):
    """The synchronous guard call: one input and how to analyse it."""


class AnalysisRequest(Options):
    """One input, or up to 10,000 `items`."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["items"]}, *_ANY_TEXT], **_ONE_PROMPT}
    )

    text: Text | None = Field(default=None, description="The prompt.")
    prompt: Text | None = Field(default=None, description="Another name of `text`.")
    response: Text | None = Field(default=None, description="What the model answered.")
    context: Context | None = None
    items: list[Input] | None = Field(default=None, min_length=1, max_length=MAX_ITEMS)

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        single = (self.text, self.prompt, self.response, self.context)
        if self.items is not None and any(part is not None for part in single):
            raise ValueError("send `items`, or one input beside it, not both")
        if self.items is None:
            Input(text=self.text, prompt=self.prompt, response=self.response, context=self.context)
        return self

    def contents(self) -> list[Content]:
        """Every input as the farm knows it."""
        if self.items is not None:
            return [item.content() for item in self.items]
        one = Input(
            text=self.text, prompt=self.prompt, response=self.response, context=self.context
        )
        return [one.content()]


class ProblemDocument(BaseModel):
    """RFC 9457: what went wrong, where, and what to do next."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    field: str | None = Field(default=None, description="The part of the request to mend.")


class Finding(BaseModel):
    """One thing an engine found; `spans` are code-point offsets into the original `field`."""

    engine: str
    category: str
    score: float = Field(ge=0, le=1)
    label: str
    field: str
    spans: list[tuple[int, int]]
    message: str


class GuardDetails(BaseModel):
    """Which engines ran, and for how long."""

    engines_triggered: list[str]
    engines_run: list[str]
    engines_skipped: list[str]
    engines_failed: list[str]
    analysis_time_ms: float
    cached: bool = Field(description="Answered from the verdict cache, without a task.")


class GuardAnswer(BaseModel):
    """The verdict over one input."""

    request_id: str
    analysis_id: UUID
    risk_score: float = Field(ge=0, le=1)
    verdict: Verdict
    action: Action
    recommendation: str
    is_safe: bool
    degraded: bool
    findings: list[Finding]
    details: GuardDetails


class Links(BaseModel):
    """Where to go on."""

    self: str
    events: str
    cancel: str
    retry: str
    results: str


class Submitted(BaseModel):
    """The job exists and will reach exactly one terminal state."""

    id: UUID
    status: JobState
    links: Links


class Progress(BaseModel):
    """Items judged so far."""

    done: int
    total: int


class EngineOutcome(BaseModel):
    """One engine's outcome over the items of a job."""

    engine: str
    version: str
    outcome: Outcome
    items: int
    duration_ms: float
    reason: str | None = None


class Timings(BaseModel):
    """Milliseconds; null while not known."""

    queued_ms: float | None
    run_ms: float | None
    total_ms: float | None


class Job(BaseModel):
    """A job's state, progress, verdict and per-engine outcomes."""

    id: UUID
    status: JobState
    kind: Literal["single", "batch", "guard"]
    mode: Mode
    policy: str
    policy_version: int | None = Field(
        description="Version of the policy; null for one that says no more than the settings."
    )
    application_id: str
    session_id: str | None
    user_id: str | None
    progress: Progress
    risk_score: float | None
    verdict: Verdict | None
    action: Action | None
    degraded: bool | None
    cached: bool = Field(description="Answered from the verdict cache, without a task.")
    retry_of: UUID | None = Field(description="The job whose failed part this one does again.")
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    timings: Timings
    links: Links
    engines: list[EngineOutcome] | None = None


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


class ItemEngine(BaseModel):
    """One engine's outcome on one item."""

    engine: str
    version: str
    outcome: Outcome
    duration_ms: float
    reason: str | None = None


class Item(BaseModel):
    """The verdict over one item."""

    index: int
    risk_score: float
    verdict: Verdict
    action: Action
    degraded: bool
    recommendation: str
    findings: list[Finding]
    engines: list[ItemEngine]


class ItemPage(BaseModel):
    """Verdicts in the order of the items; `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None
