"""What every receiver is. A new one is one new file in this folder: copy `slack.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from alerts.nouns import Delivery, Notification
from alerts.retry import Retry
from core.configfile import unknown_key
from core.errors import ConfigError, DeliveryError
from core.http import Answer, HttpClient


class Strict(BaseModel):
    """A `config` mapping: unknown keys are refused, values never show in errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True
    )


ConfigT = TypeVar("ConfigT", bound=Strict)
ConfigType = type[Strict]


class Receiver(ABC, Generic[ConfigT]):
    """Delivers one notification in one attempt; whoever calls decides about the next.

    `type` is the file's name and the word in alerts.yaml; `Config` is the shape of its `config`.
    """

    type: ClassVar[str]
    Config: ClassVar[ConfigType]
    retry: ClassVar[Retry] = Retry()

    def __init__(self, name: str, config: ConfigT, http: HttpClient) -> None:
        self.name = name
        self.config = config
        self.http = http

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
        message = str(first["msg"]).removeprefix("Value error, ")
        message = "missing" if first["type"] == "missing" else message
        raise ConfigError(f"{where}: {'.'.join(path)}: {message}") from None


def _keys(
    model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The keys known at each nesting level of a config model."""
    yield above, [info.alias or name for name, info in model.model_fields.items()]
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _keys(info.annotation, (*above, info.alias or name))


def http_url(value: SecretStr) -> SecretStr:
    """A validator for URLs that hold a secret: checks the form without ever showing it."""
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme not in ("http", "https") or not rest.strip("/"):
        raise ValueError("must be a URL such as https://host/path")
    return value


def accepted(answer: Answer, peer: str) -> Delivery:
    """The delivery of a 2xx answer. Raises DeliveryError for any other.

    429 and 5xx may be tried again, when the peer says if it says so; other answers are permanent.
    """
    said = " ".join(answer.text.split())[:200]
    if 200 <= answer.status < 300:
        return Delivery(answer.status, said or "accepted")
    hint = "; redirects are not followed" if 300 <= answer.status < 400 else ""
    raise DeliveryError(
        f"{peer} answered {answer.status}{f': {said}' if said else ''}{hint}",
        permanent=answer.status != 429 and answer.status < 500,
        status=answer.status,
        retry_after=answer.retry_after,
    )
