"""Hashed word and character n-grams of a text, as numbers of buckets; no vocabulary is needed.

The text is brought to lower case. Words are runs of letters and digits or single other signs; word
n-grams have one to three of them, character n-grams four or five UTF-8 bytes of the words with one
blank between. Words and characters have buckets of their own.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

BITS = 19
BUCKETS = 1 << BITS
"""Of word n-grams; as many more are for character n-grams."""

_WORD = re.compile(r"\w+|[^\w\s]")
_FACTORS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_SPREAD = 0x9E3779B97F4A7C15


def buckets(text: str) -> numpy.ndarray:
    """The distinct buckets of the text, sorted."""
    import numpy

    words = [match[0].encode("utf-8", "surrogatepass") for match in _WORD.finditer(text.lower())]
    if not words:
        return numpy.zeros(0, dtype=numpy.int64)
    hashes = numpy.array([zlib.crc32(word) for word in words], dtype=numpy.uint64)
    joined = numpy.frombuffer(b" " + b" ".join(words) + b" ", dtype=numpy.uint8)
    signs = joined.astype(numpy.uint64)
    found = [_grams(hashes, _FACTORS[:length], length) for length in (1, 2, 3)]
    found += [_grams(signs, (257,) * length, length + 10) + BUCKETS for length in (4, 5)]
    return numpy.unique(numpy.concatenate(found))


def _grams(units: numpy.ndarray, factors: tuple[int, ...], kind: int) -> numpy.ndarray:
    """The bucket of each run of as many units as there are factors; arithmetic wraps around."""
    import numpy

    count = max(len(units) - len(factors) + 1, 0)
    mixed = numpy.zeros(count, dtype=numpy.uint64)
    for place, factor in enumerate(factors):
        mixed = mixed * numpy.uint64(factor) + units[place : place + count]
    spread = (mixed ^ numpy.uint64(kind)) * numpy.uint64(_SPREAD)
    return (spread >> numpy.uint64(64 - BITS)).astype(numpy.int64)
