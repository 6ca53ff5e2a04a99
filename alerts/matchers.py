"""Label matchers as Alertmanager writes them: `severity="critical"`, `app=~"a|b"`.

Regexes are RE2's, as there: anchored, no look-around, no back-references, no slow ones.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import re2

from core.errors import ConfigError

Operator = Literal["=", "!=", "=~", "!~"]

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_MATCHER = re.compile(
    r"[\t\n\f\r ]*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(?P<operator>=~|=|!=|!~)"
    r"[\t\n\f\r ]*(?P<value>.*?)[\t\n\f\r ]*",
    re.DOTALL,
)
_CPP_ONLY = re.compile(r"(?<!\\)(?:\\\\)*(\\C|\(\?<)")
_HINTS = {"(?=": "look-around", "(?!": "look-around", "(?<": "look-around"}
QUIET = re2.Options()
QUIET.log_errors = False


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The anchored regex. Raises ConfigError for what RE2 does not take."""
    if found := _CPP_ONLY.search(pattern):
        reason = f"RE2 knows no {found[1]}"
    else:
        try:
            return re2.compile(f"^(?:{pattern})$", options=QUIET)
        except re2.error as problem:
            raw = problem.args[0] if problem.args else b""
            reason = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        except UnicodeError:
            reason = "not valid Unicode"
    hint = ""
    if any(mark in pattern for mark in _HINTS):
        hint = "; look-around is not supported"
    elif re.search(r"\\[1-9]", pattern):
        hint = "; back-references are not supported"
    raise ConfigError(f"regex {pattern!r} is not valid: {reason}{hint}")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a missing label counts as the empty string."""

    name: str
    operator: Operator
    value: str
    _pattern: Any = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pattern = compiled(self.value) if self.operator in ("=~", "!~") else None
        object.__setattr__(self, "_pattern", pattern)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy the condition; regexes must fit the whole value."""
        value = labels.get(self.name, "")
        if self._pattern is None:
            return (value == self.value) == (self.operator == "=")
        return (self._pattern.search(value) is not None) == (self.operator == "=~")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{value}"'


def written(matchers: Iterable[Matcher]) -> str:
    """Several matchers in one pair of braces, sorted."""
    return "{" + ",".join(sorted(map(str, matchers))) + "}"


def fit(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy all conditions; none is always satisfied."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse(text: str) -> tuple[Matcher, ...]:
    """The matchers of one string, comma-separated, with or without braces.

    Raises ConfigError for anything that Alertmanager does not read either.
    """
    body = text.removeprefix("{").removesuffix("}")
    return tuple(parse_one(token) for token in _tokens(body))


def _tokens(body: str) -> list[str]:
    tokens, token = [], ""
    quoted = escaped = False
    for character in body:
        if character == "," and not quoted:
            tokens.append(token)
            token = ""
            continue
        if character == '"':
            quoted = quoted if escaped else not quoted
            escaped = False
        elif character == "\\":
            escaped = not escaped
        elif character != ",":
            escaped = False
        token += character
    if token.strip():
        tokens.append(token.strip())
    return tokens


def parse_one(text: str) -> Matcher:
    """One matcher. Raises ConfigError."""
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
