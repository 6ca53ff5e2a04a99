"""Words and their stems, for lists of topics that somebody writes by hand.

The stemmer is small: it takes endings of English off, both from the list and from the text, so what
counts is that both lose the same. For other languages a list may end its words with a star.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

NOISE = frozenset(
    ("a", "an", "the", "of", "on", "in", "to", "for", "with", "at", "by", "and", "der", "die",
     "das", "de", "la", "le", "les", "el", "los", "il", "du", "von", "di")
)  # fmt: skip
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")
_KEPT = frozenset(
    ("news", "politics", "ethics", "series", "species", "lens", "gas", "bus", "this", "better",
     "letter", "matter", "bitter", "butter", "litter", "latter", "dinner", "summer", "offer",
     "differ", "manner")
)  # fmt: skip
"""Words whose last letters are no ending."""
_LONGEST = 64
_INFLECTED = re.compile(r"(?<=[^\W\d_]{3})(?:ing|ed|ers?|ors?)$")
_DERIVED = re.compile(r"(?<=[^\W\d_]{4})(?:ations?|ments?|ions?|ly)$|(?<=[^\W\d_]{3})ations?$")


class Token(NamedTuple):
    """A word in lower case and where it stands."""

    text: str
    start: int
    end: int


def tokens(lower: str) -> Iterator[Token]:
    """The words of a text in lower case; a Chinese, Japanese or Thai character is a word."""
    for match in _WORD.finditer(lower):
        yield Token(match[0], match.start(), match.end())


def vocabulary(lower: str) -> frozenset[str]:
    """The different words of a text in lower case."""
    return frozenset(_WORD.findall(lower))


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What stays of a word without accents and endings."""
    word = word[:_LONGEST]
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word)
        word = "".join(part for part in parts if not unicodedata.combining(part))
    if word in _KEPT:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "xes", "zes", "ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and word[-2] not in "sui":
        word = word[:-1]
    short = _INFLECTED.sub("", _DERIVED.sub("", word))
    if len(short) > 3 and short != word and short[-1] == short[-2] and short[-1] not in "aeiouls":
        short = short[:-1]
    if short.endswith("y") and len(short) > 3:
        return short[:-1] + "i"
    return short.removesuffix("e") if len(short) > 3 else short
