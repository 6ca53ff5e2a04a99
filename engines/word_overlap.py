"""What two texts share, word for word and nearly so.

Words are compared without case, accents and punctuation; "you are" and "I am" count as the same,
since a model that tells its instructions turns them round. A Chinese, Japanese or Thai character
counts as half a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

GRAM = 3
GAP = 4
"""Words that may stand between two shared stretches of one chain."""
OFTEN = 8
"""Places of one triple of words that are remembered."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")
_SAME = {
    **dict.fromkeys(("you", "i", "me", "myself", "yourself"), "you"),
    **dict.fromkeys(("your", "my"), "your"),
    **dict.fromkeys(("are", "am", "is", "be", "was", "were", "m", "re"), "be"),
    **dict.fromkeys(("cannot", "can't"), "can"),
}


class Word(NamedTuple):
    """A word as it is compared, and where it stands."""

    text: str
    start: int
    end: int


class Chain(NamedTuple):
    """A stretch of one text that follows a stretch of the other, both as indices of words."""

    first: int
    last: int
    prompt_first: int
    prompt_last: int
    shared: frozenset[int]
    """The indices of the other text's words that both have."""
    longest: float
    """The longest part without a gap, in words."""


def words(lower: str) -> list[Word]:
    """The words of a text in lower case; short numbers are left out, since lists have them."""
    return [
        Word(_SAME.get(match[0], match[0]), *match.span())
        for match in _WORD.finditer(lower)
        if not _numbers_a_list(match[0])
    ]


def _numbers_a_list(word: str) -> bool:
    return len(word) < 3 and word.isdigit()


Grams = dict[tuple[str, ...], list[int]]


def _triples(texts: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return zip(texts, texts[1:], texts[2:], strict=False)


def grams(text: Sequence[Word], without: Collection[tuple[str, ...]] = ()) -> Grams:
    """Where each triple of words begins, but for those of `without`."""
    index: Grams = {}
    for place, key in enumerate(_triples([word.text for word in text])):
        if key not in without:
            places = index.setdefault(key, [])
            if len(places) < OFTEN:
                places.append(place)
    return index


def touches(lower: str, index: Grams) -> bool:
    """Whether a text has any triple of the index; quick where it has none."""
    texts = [_SAME.get(word, word) for word in _WORD.findall(lower) if not _numbers_a_list(word)]
    return not index.keys().isdisjoint(_triples(texts))


def chains(text: Sequence[Word], index: Grams) -> list[Chain]:
    """The stretches of a text that follow the indexed one, in their order."""
    found: list[Chain] = []
    pairs: list[tuple[int, int]] = []
    for place, key in enumerate(_triples([word.text for word in text])):
        there = index.get(key)
        if not there:
            continue
        if pairs:
            at, other = pairs[-1]
            if place - at <= GAP + GRAM:
                following = [one for one in there if other < one <= other + GAP + GRAM]
                if following:
                    pairs.append((place, _nearest(following, other + place - at)))
                    continue
            found.append(_chain(text, pairs))
        pairs = [(place, there[0])]
    if pairs:
        found.append(_chain(text, pairs))
    return found


def _nearest(places: Iterable[int], wanted: int) -> int:
    return min(places, key=lambda place: abs(place - wanted))


def _chain(text: Sequence[Word], pairs: Sequence[tuple[int, int]]) -> Chain:
    shared: set[int] = set()
    longest = 0.0
    begun = pairs[0][0]
    for number, (place, other) in enumerate(pairs):
        shared.update(range(other, other + GRAM))
        if number and (place, other) != (pairs[number - 1][0] + 1, pairs[number - 1][1] + 1):
            begun = place
        if number + 1 == len(pairs) or pairs[number + 1] != (place + 1, other + 1):
            longest = max(longest, weight(text[begun : place + GRAM]))
    return Chain(
        pairs[0][0],
        pairs[-1][0] + GRAM,
        pairs[0][1],
        pairs[-1][1] + GRAM,
        frozenset(shared),
        longest,
    )


def weight(stretch: Sequence[Word]) -> float:
    """How many words a stretch comes to."""
    return sum(0.5 if _UNSPACED_CHARACTER.match(word.text) else 1.0 for word in stretch)


_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
