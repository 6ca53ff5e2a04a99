"""One content while engines read it: its fields by kind and the views of each, made once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from core.analysis import Content
from engines.layers import Unfolding, unfold
from engines.normaliser import View

KINDS = ("text", "response", "documents", "history", "system_prompt", "tools")
"""What an engine's `inputs` may name."""
MAX_PATH = 200
"""Longest field name; a string that lies deeper in a tool is named by a number."""

TOOL_ROLES = frozenset({"tool", "function"})
_TURN = re.compile(r"history\[(\d+)\]")
_PLAIN_KEY = re.compile(r"[\w$-]{1,64}")


class Document:
    """What an engine is given. The turns of role `system` in the history count as system prompt.

    `options` are what the policy sets for single engines: `{engine name: {option: value}}`.
    """

    def __init__(
        self, content: Content, options: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.content = content
        self._options = options or {}
        self._fields = dict(_fields(content))
        self._kinds = frozenset(kind for kind, _ in self._fields.values())
        self._originals: dict[str, View] = {}
        self._unfolded: dict[str, Unfolding] = {}
        self.memo: dict[object, object] = {}
        """What engines work out about this document and share; each knows its own keys."""

    def fields(self, kinds: Collection[str]) -> dict[str, str]:
        """The non-empty texts of these kinds, by field name."""
        return {name: text for name, (kind, text) in self._fields.items() if kind in kinds}

    def has(self, kinds: Iterable[str]) -> bool:
        """Whether there is a non-empty text of one of these kinds."""
        return not self._kinds.isdisjoint(kinds)

    def options(self, engine: str) -> Mapping[str, Any]:
        """What the policy sets for this engine; empty where it says nothing."""
        return self._options.get(engine, {})

    def is_tool_turn(self, field: str) -> bool:
        """Whether the field is what a tool answered, in the history."""
        found = _TURN.fullmatch(field)
        if found is None:
            return False
        return self.content.history[int(found[1])].get("role", "") in TOOL_ROLES

    def texts(self) -> Iterator[str]:
        """Every text of the document, and every view of it that was made so far."""
        yield from (text for _, text in self._fields.values())
        for unfolded in self._unfolded.values():
            yield from (view.text for view in unfolded.views)

    def original(self, field: str) -> View:
        """The field as it was given."""
        if field not in self._originals:
            self._originals[field] = View(field, self._fields[field][1])
        return self._originals[field]

    def unfold(self, field: str) -> Unfolding:
        """Every view of the field, the original first."""
        if field not in self._unfolded:
            root = self.original(field)
            self._unfolded[field] = unfold(field, root.text, root)
        return self._unfolded[field]


def _fields(content: Content) -> Iterator[tuple[str, tuple[str, str]]]:
    systemic = {
        f"history[{place}]"
        for place, turn in enumerate(content.history)
        if turn.get("role") == "system"
    }
    for name, text in content.fields().items():
        kind = "system_prompt" if name in systemic else name.partition("[")[0]
        yield name, (kind, text)
    if content.system_prompt:
        yield "system_prompt", ("system_prompt", content.system_prompt)
    for place, tool in enumerate(content.tools):
        for name, text in _strings(f"tools[{place}]", tool):
            yield name, ("tools", text)


def _strings(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Every string inside a tool declaration, named by its path; deep nesting is no danger."""
    waiting = [(name, value)]
    for count in itertools.count():
        if not waiting:
            return
        path, part = waiting.pop()
        if len(path) > MAX_PATH:
            path = f"{name}.#{count}"
        if isinstance(part, str):
            if part:
                yield path, part
        elif isinstance(part, Mapping):
            inner = [
                (f"{path}.{key if _PLAIN_KEY.fullmatch(str(key)) else f'#{place}'}", each)
                for place, (key, each) in enumerate(part.items())
            ]
            waiting += reversed(inner)
        elif isinstance(part, list | tuple):
            waiting += reversed([(f"{path}[{place}]", each) for place, each in enumerate(part)])
