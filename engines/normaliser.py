"""Views of a text: the same words without their disguise, each able to point back.

A `View` knows its text, the layers that were taken off to reach it, and for any span in it the
span of code points in the original text that stands behind it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from core.analysis import Span
from engines.confusables import CONFUSABLES
from engines.needles import CASED, LOWERED
from engines.outline import BEYOND, DIGITS, LETTERS, Outline

MAX_EXPANSION = 4
"""A character that stands for more than so many (a whole Arabic phrase) is left as it is."""

_TYPOGRAPHIC = tuple(zip("İ‘’‛ʼ“”", "i''''\"\"", strict=True))
LEET = str.maketrans("0134578@$!", "oieastbasi")
_LEET_WORD = re.compile(r"[013457@$!](?<=[A-Za-z].)[013457@$!]{0,2}[A-Za-z]")
_LEET_SEAM = Outline("al", a=LETTERS, l="013457@$!")
_SPACED_WORD = re.compile(r"([ ._*/|,~+-])(?<=\w.)(?<!\w\w.)\w(?:\1\w(?!\w)){2,}")
_SPACED = Outline("wswswsw", w=LETTERS + DIGITS + "_" + BEYOND, s=" .*/|,~+-")
_ASCII = bytes(range(128))
_HANGUL = range(0xAC00, 0xD7A4)
_DROPPED = frozenset({"Mn", "Me", "Cf"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


class Stretch(NamedTuple):
    """A part of a view, from `at` on, and the part `[start, end)` of its parent behind it.

    `step` is how many code points of the view stand for one of the parent; 0 when the stretch
    stands for the parent's part only as a whole.
    """

    at: int
    start: int
    end: int
    step: int


class View:
    """One reading of one field. `layers` is empty for the original text."""

    def __init__(
        self,
        field: str,
        text: str,
        layers: tuple[str, ...] = (),
        parent: View | None = None,
        stretches: tuple[Stretch, ...] | None = None,
    ) -> None:
        self.field = field
        self.text = text
        self.layers = layers
        self._parent = parent
        self._stretches = stretches
        self._needles: dict[bool, tuple[int, frozenset[str]]] = {}

    @functools.cached_property
    def lower(self) -> str:
        """The text in lower case with plain quotation marks, of the same length."""
        text = self.text
        if not text.isascii():
            for strange, plain in _TYPOGRAPHIC:
                text = text.replace(strange, plain)
        return text.lower()

    @functools.cached_property
    def signs(self) -> bytes:
        """The text in ASCII, one byte a character, for outlines."""
        return self.text.encode("ascii", "replace")

    @functools.cached_property
    def strange(self) -> str:
        """The characters beyond ASCII, in their order."""
        if self.text.isascii():
            return ""
        data = self.text.encode("utf-8", "surrogatepass").translate(None, _ASCII)
        return data.decode("utf-8", "surrogatepass")

    def needles(self, cased: bool) -> frozenset[str]:
        """What occurs of the needles that pattern engines look for; read again once there are more
        of them."""
        wanted = CASED if cased else LOWERED
        known, found = self._needles.get(cased, (-1, frozenset()))
        if known != wanted.count:
            known, found = wanted.count, wanted.within(self.text if cased else self.lower)
            self._needles[cased] = known, found
        return found

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """What stands between blanks, in lower case."""
        return frozenset(self.lower.split())

    def span(self, start: int, end: int) -> Span:
        """The span of the original text that stands behind `[start, end)` of this view."""
        if self._parent is None:
            return start, end
        if self._stretches is not None:
            start, end = self._behind(self._stretches, start, end)
        return self._parent.span(start, end)

    @functools.cached_property
    def _places(self) -> list[int]:
        return [stretch.at for stretch in self._stretches or ()]

    def _behind(self, stretches: tuple[Stretch, ...], start: int, end: int) -> Span:
        first = stretches[bisect_right(self._places, start) - 1]
        last = stretches[bisect_right(self._places, max(start, end - 1)) - 1]
        begin = first.start + (start - first.at) // first.step if first.step else first.start
        if not last.step:
            return begin, last.end
        return begin, min(last.start + (end - 1 - last.at) // last.step + 1, last.end)


class Rewriter:
    """Builds a view from its parent, piece by piece and from left to right."""

    def __init__(self, parent: View) -> None:
        self._parent = parent
        self._pieces: list[str] = []
        self._stretches: list[Stretch] = []
        self._length = 0

    def keep(self, start: int, end: int) -> None:
        """Take over the parent's `[start, end)` unchanged."""
        if start < end:
            self._add(self._parent.text[start:end], Stretch(self._length, start, end, 1))

    def put(self, text: str, start: int, end: int, step: int = 0) -> None:
        """Put `text` in the place of the parent's `[start, end)`."""
        if text:
            self._add(text, Stretch(self._length, start, end, step))

    def _add(self, text: str, stretch: Stretch) -> None:
        self._pieces.append(text)
        self._stretches.append(stretch)
        self._length += len(text)

    def view(self, layer: str) -> View | None:
        """The finished view, or None when nothing is in it."""
        text = "".join(self._pieces)
        if not text:
            return None
        parent = self._parent
        return View(parent.field, text, (*parent.layers, layer), parent, tuple(self._stretches))


def rewrite(
    parent: View, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], layer: str
) -> View | None:
    """The whole parent with each match replaced; None when nothing matched."""
    rewriter, done = Rewriter(parent), 0
    for match in pattern.finditer(parent.text):
        rewriter.keep(done, match.start())
        rewriter.put(replace(match), *match.span())
        done = match.end()
    if not done:
        return None
    rewriter.keep(done, len(parent.text))
    return rewriter.view(layer)


@functools.lru_cache(maxsize=65536)
def _folded(character: str) -> str:
    """What one character reads as: compatibility form, no accents, look-alikes as ASCII."""
    if ord(character) in _HANGUL:
        return character
    if character in _FILLERS or unicodedata.category(character) in _DROPPED:
        return ""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", character))
    kept = (part for part in parts if unicodedata.category(part) not in _DROPPED)
    plain = "".join(CONFUSABLES.get(part, part) for part in kept)
    return plain if len(plain) <= MAX_EXPANSION else character


def fold(parent: View) -> View | None:
    """The parent in NFKC without invisible characters, accents and homoglyphs; None if equal."""
    text = parent.text
    if text.isascii():
        return None
    changes = {
        character: plain
        for character in set(parent.strange)
        if (plain := _folded(character)) != character
    }
    if not changes:
        return None
    swaps = str.maketrans({strange: plain for strange, plain in changes.items() if len(plain) == 1})
    moves = "".join(re.escape(strange) for strange, plain in changes.items() if len(plain) != 1)
    if not moves:
        return View(parent.field, text.translate(swaps), parent.layers, parent)
    rewriter, done = Rewriter(parent), 0
    for match in re.compile(rf"([{moves}])\1*").finditer(text):
        rewriter.keep(done, match.start())
        plain = changes[match[1]]
        rewriter.put(plain * len(match[0]), *match.span(), step=len(plain))
        done = match.end()
    rewriter.keep(done, len(text))
    moved = rewriter.view("")
    if moved is None:
        return None
    folded = moved.text.translate(swaps)
    return View(parent.field, folded, parent.layers, parent, moved._stretches)


def unleet(parent: View) -> View | None:
    """The parent with digits read as letters, when at least two words need that."""
    if _LEET_SEAM.count(parent.signs) < 2 or len(_LEET_WORD.findall(parent.text)) < 2:
        return None
    return View(parent.field, parent.text.translate(LEET), (*parent.layers, "leetspeak"), parent)


def unspace(parent: View) -> View | None:
    """The parent with words that were spelled l e t t e r by letter joined again."""
    if not _SPACED.occurs(parent.signs):
        return None
    return rewrite(parent, _SPACED_WORD, lambda match: match[0][1::2], "spacing")
