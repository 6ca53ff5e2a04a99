"""Labelled texts: JSON lines `{"text", "label": 0|1, "response"?, "context"?}`, 1 for an attack.

`context` is that of a guard call: `system_prompt`, `documents`, `history`, `tools`. Other members
of a line are ignored. A line that cannot be used costs itself alone and is reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.analysis import Content
from core.errors import BadInput

CONTEXT = ("system_prompt", "documents", "history", "tools")
OWN = Path(__file__).with_name("own.jsonl")
"""The labelled texts that come with the engines; all were written for this project."""


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled input; `label` is 1 for an attack, 0 for a harmless one."""

    content: Content
    label: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line, or with line 0 a whole file, cannot be used."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.reason}"


def read(path: Path) -> tuple[list[Case], list[Problem]]:
    """The usable lines of a file, and what is wrong with the others; blank lines are nothing."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        return [], [Problem(str(path), 0, problem.strerror or type(problem).__name__)]
    cases: list[Case] = []
    problems: list[Problem] = []
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            cases.append(_case(line))
        except BadInput as problem:
            problems.append(Problem(str(path), number, str(problem)))
    if not cases and not problems:
        problems.append(Problem(str(path), 0, "the file has no lines"))
    return cases, problems


def _case(line: bytes) -> Case:
    try:
        given = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadInput("not UTF-8") from None
    except json.JSONDecodeError as problem:
        raise BadInput(f"not JSON: {problem.msg} at column {problem.colno}") from None
    except (ValueError, RecursionError):
        raise BadInput("not JSON that can be read: a number too long, or too deep") from None
    if not isinstance(given, dict):
        raise BadInput("not a JSON object")
    label = given.get("label")
    if isinstance(label, bool) or label not in (0, 1):
        raise BadInput("`label` must be 0 or 1")
    content = Content(
        text=_text(given, "text") or "",
        response=_text(given, "response"),
        **_context(given.get("context")),
    )
    if not (content.fields() or content.tools):
        raise BadInput("there is no text in it: give a non-empty `text`")
    return Case(content, int(label))


def _context(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput("`context` must be an object")
    for name in given.keys() - set(CONTEXT):
        raise BadInput(f"`context` has no member {name!r}; it has {', '.join(CONTEXT)}")
    return {
        "system_prompt": _text(given, "system_prompt"),
        "documents": _items(given, "documents", "texts", lambda one: isinstance(one, str)),
        "history": _items(given, "history", "objects with texts `role` and `content`", _is_turn),
        "tools": _items(given, "tools", "objects", lambda one: isinstance(one, dict)),
    }


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"`{name}` must be a text")
    return value


def _items(
    given: Mapping[str, Any], name: str, of: str, fits: Callable[[Any], bool]
) -> tuple[Any, ...]:
    value = given.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(fits(one) for one in value):
        raise BadInput(f"`{name}` must be a list of {of}")
    return tuple(value)


def _is_turn(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.keys() == {"role", "content"}
        and all(isinstance(part, str) for part in one.values())
    )
