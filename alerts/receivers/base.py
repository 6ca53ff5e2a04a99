"""What every receiver is. A new one is one new file in this folder: copy `slack.py`."""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from alerts import message
from alerts.nouns import Delivery, Notification
from alerts.retry import Retry
from alerts.sample import samples
from alerts.templates.render import Source, Templates
from core.configfile import parse_duration, unknown_key
from core.errors import ConfigError, DeliveryError
from core.http import Answer, HttpClient


class Strict(BaseModel):
    """A `config` mapping: unknown keys are refused, values never show in errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` attempts in any `seconds`."""

    count: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.count} in {self.seconds:g} s"


def _rate(value: object) -> Rate:
    count, _, span = str(value).partition("/")
    if not count.isdigit() or not 1 <= int(count) <= 1000:
        raise ValueError("must be a number of messages and a time, such as 30/1m")
    try:
        seconds = parse_duration(span if span[:1].isdigit() else f"1{span}")
    except ConfigError:
        raise ValueError("must be a number of messages and a time, such as 30/1m") from None
    if not 0 < seconds <= 86400:
        raise ValueError("the time must be more than zero and at most 1d")
    return Rate(int(count), seconds)


class TemplateFile(Strict):
    """A template that stands in a file of its own."""

    file: Path


class Settings(Strict):
    """What the `config` of every receiver may say.

    `rate` caps attempts, such as `30/1m`; `templates` replaces parts of the message, each by a text
    or by `{file: PATH}`.
    """

    rate: Annotated[Rate, BeforeValidator(_rate)] | None = None
    templates: Mapping[str, str | TemplateFile] = Field(default_factory=dict)


ConfigT = TypeVar("ConfigT", bound=Strict)
ConfigType = type[Strict]


class Receiver(ABC, Generic[ConfigT]):
    """Delivers one notification in one attempt; whoever calls decides about the next.

    `type` is the file's name and the word in alerts.yaml; `Config` is the shape of its `config`.
    `parts` are the templates of its messages, each with its shipped file or none; `curves` is how
    many pictures or lines of figures a message has room for.
    """

    type: ClassVar[str]
    Config: ClassVar[ConfigType]
    retry: ClassVar[Retry] = Retry()
    parts: ClassVar[Mapping[str, str]] = {}
    curves: ClassVar[int] = 0

    def __init__(self, name: str, config: ConfigT, http: HttpClient) -> None:
        """Raises ConfigError for a template that is broken."""
        self.name = name
        self.config = config
        self.http = http
        given = config.templates if isinstance(config, Settings) else {}
        own = {part: _source(part, one) for part, one in given.items()}
        views = tuple({**message.view(one), "title": "sample"} for one in samples())
        self.templates = Templates(self.parts, own, views if own else ())

    @property
    def rate(self) -> Rate | None:
        """The cap on attempts, if there is one."""
        return self.config.rate if isinstance(self.config, Settings) else None

    def view(
        self,
        notification: Notification,
        escape: message.Escape = message.clean,
        pictures: Mapping[str, str] = types.MappingProxyType({}),
    ) -> dict[str, Any]:
        """What the templates know, the title already rendered."""
        known = {**message.view(notification, escape, pictures), "title": ""}
        return {**known, "title": message.line(self.templates.render("title", known))}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""


AnyReceiver = Receiver[Any]


def configured(kind: type[AnyReceiver], where: str, config: Mapping[str, Any]) -> Strict:
    """The checked `config` of a receiver. Raises ConfigError naming the key."""
    try:
        return kind.Config.model_validate(config)
    except ValidationError as problem:
        errors = problem.errors(include_input=False, include_url=False)
        first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
        path = [str(part) for part in first["loc"]]
        if first["type"] == "extra_forbidden":
            place = ": ".join([where, *path[:-1]])
            known = dict(_keys(kind.Config)).get(tuple(path[:-1]), [])
            raise ConfigError(unknown_key(place, path[-1], known)) from None
        said = str(first["msg"]).removeprefix("Value error, ")
        said = "missing" if first["type"] == "missing" else said
        raise ConfigError(f"{where}: {'.'.join(path)}: {said}") from None


def _keys(
    model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The keys known at each nesting level of a config model."""
    yield above, [info.alias or name for name, info in model.model_fields.items()]
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _keys(info.annotation, (*above, info.alias or name))


def _source(part: str, given: str | TemplateFile) -> Source:
    if isinstance(given, str):
        return Source(given)
    try:
        return Source(given.file.read_text(encoding="utf-8"), given.file)
    except OSError as problem:
        raise ConfigError(
            f"templates: {part}: {given.file} cannot be read: {problem.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"templates: {part}: {given.file} is not UTF-8 text") from None


def http_url(value: SecretStr) -> SecretStr:
    """A validator for URLs that hold a secret: checks the form without ever showing it."""
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme not in ("http", "https") or not rest.strip("/"):
        raise ValueError("must be a URL such as https://host/path")
    return value


RETRYABLE = frozenset({408, 425, 429})
"""Answers below 500 after which the same request may be welcome later."""


def accepted(answer: Answer, peer: str) -> Delivery:
    """The delivery of a 2xx answer. Raises DeliveryError for any other.

    408, 425, 429 and 5xx may be tried again, when the peer says if it says so; other answers are
    permanent.
    """
    said = " ".join(answer.text.split())[:200]
    if 200 <= answer.status < 300:
        return Delivery(answer.status, said or "accepted")
    hint = "; redirects are not followed" if 300 <= answer.status < 400 else ""
    raise DeliveryError(
        f"{peer} answered {answer.status}{f': {said}' if said else ''}{hint}",
        permanent=answer.status not in RETRYABLE and answer.status < 500,
        status=answer.status,
        retry_after=answer.retry_after,
    )
