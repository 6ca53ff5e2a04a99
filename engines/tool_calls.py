"""Tool calls written into a text, and the tools that a caller declared.

Calls are read in the shapes that models write: `{"name", "arguments"}`, `{"tool", "input"}`,
`function_call`, `tool_calls`, `tool_use` blocks, `<invoke name="…">` and `Action: … Action
Input: {…}`. Tools are declared as OpenAI functions, Anthropic tools or Model Context Protocol
tools.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.analysis import Content

_NAMES = ("name", "tool", "tool_name", "function_name", "recipient_name", "action")
_ARGUMENTS = (
    "arguments", "input", "args", "parameters", "tool_input", "params", "kwargs", "action_input",
    "tool_args",
)  # fmt: skip
_WRAPPERS = ("function", "function_call", "functionCall", "tool_call", "toolCall", "tool_use")
_LISTS = ("tool_calls", "toolCalls", "tool_uses", "calls", "content", "actions", "function_calls")
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "args_schema", "schema")
_KEY = re.compile(
    r"\"(?:" + "|".join((*_ARGUMENTS, *_WRAPPERS, "tool_calls", "toolCalls", "tool_uses")) + r")\""
)
_INVOKE = re.compile(r"<invoke\s{1,5}name=\"([^\"\n]{1,200})\"\s{0,5}>")
_PARAMETER = re.compile(r"<parameter\s{1,5}name=\"([^\"\n]{1,200})\"[^>\n]{0,200}>")
_ACTION = re.compile(r"(?m)^ {0,4}Action ?: ?([\w.:/-]{1,200})\s{0,5}\n\s{0,5}Action Input ?: ?")
_DECODER = json.JSONDecoder()
_PART = 2048
_MARGIN = 16
MAX_DEPTH = 6
"""How deep in a JSON value a call is looked for."""
BUDGET_FACTOR = 4
BUDGET_FLOOR = 65536


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `arguments` is None where they are not a JSON object."""

    name: str
    arguments: dict[str, Any] | None
    start: int
    end: int


@dataclass(slots=True)
class Calls:
    """The calls of one text; not `complete` when it held more broken JSON than is worth trying."""

    found: list[Call] = field(default_factory=list)
    complete: bool = True


def spoken(content: Content) -> Iterator[tuple[str, str]]:
    """The fields in which the model speaks, by name: the response and its earlier turns."""
    if content.response:
        yield "response", content.response
    for place, turn in enumerate(content.history):
        if turn.get("role") in {"assistant", "model", "ai"} and turn.get("content"):
            yield f"history[{place}]", turn["content"]


def declared(tools: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """The schema of the arguments of each tool by its name; None where none is given."""
    found: dict[str, object] = {}
    for tool in tools:
        inner = tool.get("function")
        about = inner if isinstance(inner, Mapping) else tool
        group = about.get("function_declarations") or about.get("functionDeclarations")
        if isinstance(group, list):
            found |= declared([each for each in group if isinstance(each, Mapping)])
        name = about.get("name")
        if isinstance(name, str) and name:
            found[name] = next((about[key] for key in _SCHEMAS if key in about), None)
    return found


def calls(text: str) -> Calls:
    """Every call in the text, in the order in which they stand."""
    result = Calls()
    if "{" in text and _KEY.search(text):
        _read_json(text, result)
    if "<invoke" in text:
        result.found += _invocations(text)
    if "Action" in text:
        for match in _ACTION.finditer(text):
            given, end = _decode(text, match.end())
            if isinstance(given, dict):
                result.found.append(Call(match[1], given, match.start(), end))
    result.found.sort(key=lambda call: (call.start, call.end))
    return result


def _read_json(text: str, result: Calls) -> None:
    budget = BUDGET_FACTOR * len(text) + BUDGET_FLOOR
    at = text.find("{")
    while at >= 0:
        value, end = _decode(text, at)
        if value is None:
            budget -= max(end - at, 1)
            if budget < 0:
                result.complete = False
                return
            at = text.find("{", at + 1)
            continue
        result.found += (Call(name, given, at, end) for name, given in _inside(value, 0))
        at = text.find("{", end)


def _decode(text: str, at: int) -> tuple[Any, int]:
    """A JSON value and its end; None and the end of what was tried where it is none.

    It is tried on a part first: the error's line number costs a pass over all that comes before.
    """
    size = _PART
    while True:
        part = text[at : at + size]
        try:
            value, length = _DECODER.raw_decode(part)
        except json.JSONDecodeError as fault:
            inside = fault.pos < size - _MARGIN and not fault.msg.startswith("Unterminated")
            if inside or at + size >= len(text):
                return None, at + (fault.pos if size == _PART else len(part))
        except (RecursionError, ValueError):
            return None, at + len(part)
        else:
            return value, at + length
        size *= 16


def _inside(value: object, depth: int) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The calls in a JSON value, by name."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value:
            yield from _inside(each, depth + 1)
    if not isinstance(value, dict):
        return
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    key = next((key for key in _ARGUMENTS if key in value), None)
    if name is not None and key is not None and _is_given(key, value[key]):
        yield name.removeprefix("functions."), _arguments(value[key])
        return
    for key in (*_WRAPPERS, *_LISTS):
        yield from _inside(value.get(key), depth + 1)


def _is_given(key: str, given: object) -> bool:
    """Whether these are the arguments of a call, and neither a declaration nor a list of words."""
    if isinstance(given, dict):
        return not (given.get("type") == "object" and "properties" in given)
    return given is None or key == "arguments" or (isinstance(given, str) and given[:1] == "{")


def _arguments(given: object) -> dict[str, Any] | None:
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except (ValueError, RecursionError):
            return None
    if given is None:
        return {}
    return given if isinstance(given, dict) else None


def _invocations(text: str) -> Iterator[Call]:
    """Calls in the shape of tags, each parameter up to its closing tag."""
    starts = list(_INVOKE.finditer(text))
    for match, after in itertools.zip_longest(starts, starts[1:]):
        limit = after.start() if after else len(text)
        end = text.find("</invoke>", match.end(), limit)
        end = limit if end < 0 else end
        given: dict[str, Any] = {}
        for parameter in _PARAMETER.finditer(text, match.end(), end):
            close = text.find("</parameter>", parameter.end(), end)
            raw = text[parameter.end() : end if close < 0 else close]
            value, _ = _decode(raw.strip(), 0) if raw.strip()[:1] in "{[" else (None, 0)
            given[parameter[1]] = raw if value is None else value
        yield Call(match[1], given, match.start(), end)
