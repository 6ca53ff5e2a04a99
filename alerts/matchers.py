"""Label matchers as Alertmanager writes them: `severity="critical"`, `app=~"a|b"`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from core.errors import ConfigError

Operator = Literal["=", "!=", "=~", "!~"]

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_MATCHER = re.compile(
    r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?P<operator>=~|=|!=|!~)\s*(?P<value>.*?)\s*",
    re.DOTALL,
)
_NOT_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!>#(]|<[=!])|\\[1-9])")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a missing label counts as the empty string."""

    name: str
    operator: Operator
    value: str
    _pattern: re.Pattern[str] | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pattern = None
        if self.operator in ("=~", "!~"):
            if _NOT_RE2.search(self.value):
                raise ConfigError(
                    f"regex {self.value!r}: look-around and back-references are not supported"
                )
            try:
                pattern = re.compile(self.value, re.ASCII)
            except (re.error, OverflowError) as problem:
                raise ConfigError(f"regex {self.value!r} is not valid: {problem}") from None
        object.__setattr__(self, "_pattern", pattern)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy the condition; regexes must fit the whole value."""
        value = labels.get(self.name, "")
        if self._pattern is None:
            return (value == self.value) == (self.operator == "=")
        return (self._pattern.fullmatch(value) is not None) == (self.operator == "=~")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{value}"'


def written(matchers: Iterable[Matcher]) -> str:
    """Several matchers in one pair of braces, sorted."""
    return "{" + ",".join(sorted(map(str, matchers))) + "}"


def parse(text: str) -> tuple[Matcher, ...]:
    """The matchers of one string, comma-separated, with or without braces.

    Raises ConfigError for anything that Alertmanager does not read either.
    """
    body = text.removeprefix("{").removesuffix("}")
    return tuple(_one(token) for token in _tokens(body))


def _tokens(body: str) -> list[str]:
    tokens, token = [], ""
    quoted = escaped = False
    for character in body:
        if character == "," and not quoted:
            tokens.append(token)
            token = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        token += character
    if token.strip():
        tokens.append(token)
    return tokens


def _one(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text)
    if not found:
        raise ConfigError(f'bad matcher {text.strip()!r}; write name="value" with =, !=, =~ or !~')
    value = _unquoted(found["value"])
    return Matcher(found["name"], cast(Operator, found["operator"]), value)


def _unquoted(raw: str) -> str:
    quoted = raw.startswith('"')
    body = raw[1:] if quoted else raw
    value, place = "", 0
    while place < len(body):
        character = body[place]
        if character == "\\" and place + 1 < len(body):
            following = body[place + 1]
            value += {"n": "\n", '"': '"', "\\": "\\"}.get(following, "\\" + following)
            place += 2
            continue
        if character == '"':
            if quoted and place == len(body) - 1:
                return value
            break
        value += character
        place += 1
    else:
        if not quoted:
            return value
    raise ConfigError(f"matcher value {raw} has a double quote that is neither closed nor escaped")
