"""Outlines of a text: signs that must stand in it before a slow pattern is worth a try.

Every character is replaced by its kind, or left out, and what is wanted is a plain string of kinds.
That takes a few microseconds where the pattern itself would take fifty.
"""

from __future__ import annotations

import string

LETTERS, DIGITS, HEX_DIGITS = string.ascii_letters, string.digits, string.hexdigits
BEYOND = "?"
"""What stands for each character beyond ASCII; a question mark in the text looks the same."""


class Outline:
    """Replaces the characters of each kind by the kind's letter, and looks for `wanted`."""

    def __init__(self, *wanted: str, dropped: str = "", **kinds: str) -> None:
        self._wanted = tuple(each.encode() for each in wanted)
        self._dropped = dropped.encode()
        table = bytearray(256)
        for kind, characters in kinds.items():
            for character in characters.encode():
                table[character] = ord(kind)
        self._table = bytes(table)

    def drawn(self, signs: bytes) -> bytes:
        """The kinds of the characters that are not dropped; zero for what is of no kind."""
        return signs.translate(self._table, self._dropped)

    def occurs(self, signs: bytes) -> bool:
        """Whether one of the wanted strings is there; `signs` are those of a view."""
        drawn = self.drawn(signs)
        return any(each in drawn for each in self._wanted)

    def count(self, signs: bytes) -> int:
        """How many of the wanted strings there are."""
        drawn = self.drawn(signs)
        return sum(map(drawn.count, self._wanted))
