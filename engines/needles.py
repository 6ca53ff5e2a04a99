"""The needles of all pattern engines, looked for in one pass over a text.

A rule names substrings without which its regular expression cannot match. All of them form one
Aho-Corasick automaton, so that a hundred rules cost an ordinary text a few microseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import ahocorasick_rs

OFTEN = 20_000
"""Characters read at once; a text that repeats a needle a million times is not listed whole."""
SETTLED = 100
"""Texts after which the needles count as complete, so that the faster automaton, which takes long
to build, is worth it."""
DFA = ahocorasick_rs.Implementation.DFA


class Needles:
    """A set of substrings that grows while engines load; safe to share between threads."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._automaton: ahocorasick_rs.AhoCorasick | None = None
        self._names: tuple[str, ...] = ()
        self._longest = 0
        self._asked = 0
        self._changing = threading.Lock()

    @property
    def count(self) -> int:
        """How many there are by now."""
        return len(self._known)

    def add(self, needles: Iterable[str]) -> None:
        """Have these looked for as well."""
        with self._changing:
            new = [needle for needle in needles if needle not in self._known]
            if new:
                self._known.update(dict.fromkeys(new))
                self._automaton, self._asked = None, 0

    def within(self, text: str) -> frozenset[str]:
        """The known needles that occur in the text."""
        with self._changing:
            self._asked += 1
            if self._automaton is None or self._asked == SETTLED:
                self._names = tuple(self._known)
                self._longest = max(map(len, self._names), default=1)
                self._automaton = ahocorasick_rs.AhoCorasick(
                    self._names,
                    implementation=DFA if self._asked == SETTLED else None,
                )
            automaton, names, longest = self._automaton, self._names, self._longest
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        found: set[int] = set()
        for start in range(0, len(text), OFTEN):
            part = text[start : start + OFTEN + longest - 1]
            found.update(
                place for place, _, _ in automaton.find_matches_as_indexes(part, overlapping=True)
            )
        return frozenset([names[place] for place in found])


CASED = Needles()
"""Looked for in the text as it is."""
LOWERED = Needles()
"""Looked for in the text in lower case."""
