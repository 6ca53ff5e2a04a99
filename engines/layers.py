"""Encodings that a text may be wrapped in, and the unfolding of all of them.

Runs of base64 and hex are decoded and joined into one view, a line each, so that the number of
views does not grow with the number of runs. No decoder makes a text longer; the budget bounds
what all layers together may come to.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from engines.ciphers import alphabet, reversed_lines, reversed_words
from engines.normaliser import Rewriter, View, fold, rewrite, unleet, unspace
from engines.outline import BEYOND, DIGITS, HEX_DIGITS, LETTERS, Outline

ENCODINGS = frozenset(
    {
        "base64", "hex", "percent", "escapes", "tags", "selectors", "binary", "character codes",
        "morse", "rot13", "another alphabet", "reversed words", "reversed lines",
    }
)  # fmt: skip
DEPTH = 3
"""How many encodings inside one another are taken off."""
BUDGET_FACTOR = 8
BUDGET_FLOOR = 16384
_PRINTABLE = frozenset({9, 10, 13, *range(32, 127)})

_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}"
    r"(?:\r?\n[A-Za-z0-9+/]{40,})*(?:\r?\n[A-Za-z0-9+/]{4,}(?==))?={0,2}"
)
_LONG_WORD = "w" * 16
_LONG_WORDS = Outline(_LONG_WORD, w=LETTERS + DIGITS + "+/_-")
_HEX = re.compile(
    r"[0-9A-Fa-f]{2}(?<![0-9A-Za-z]..)(?:(?:[0-9A-Fa-f]{2}){7,}|(?:[ :,-][0-9A-Fa-f]{2}){7,})"
)
_HEX_RUN = Outline("h" * 16, "hhs" * 7 + "hh", h=HEX_DIGITS, s=" :,-")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(
    r"\\(?:x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*|u[0-9A-Fa-f]{4})"
    r"|&(?:#x[0-9A-Fa-f]{1,6}|#[0-9]{1,7}|[a-z]{2,6});"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]{2,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_SYMBOL = re.compile(r"[^\w\s]")
_BREAK = re.compile(r"\s+")
_URL_SAFE = str.maketrans("-_", "+/")
_BINARY = re.compile(r"[01]{8}(?:[ ,_-]?[01]{8}){3,}")
_CODES = re.compile(r"[0-9]{2,3}(?:(?:, ?|[ ;-])[0-9]{2,3}){9,}")
_CODE_DIGITS = Outline("d" * 20, dropped=" ,;-", d=DIGITS)
_MORSE_RUN = re.compile(
    r"[.\-\u00b7\u2013\u2212]{1,6}(?: {0,2}[/|\n ] {0,2}[.\-\u00b7\u2013\u2212]{1,6}){8,}"
)
_MORSE_SIGNS = Outline("m" * 9, dropped="/|\n ", m=".-" + BEYOND)
_MORSE_TABLE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
    ".-- -..- -.-- --.."
)
MORSE_LETTERS = dict(zip(_MORSE_TABLE.split(), "abcdefghijklmnopqrstuvwxyz", strict=True))
_MORSE_MARKS = str.maketrans("\u00b7\u2013\u2212", ".--")


class Unfolding(NamedTuple):
    """Every view of one text, the original first; `complete` when the budget sufficed."""

    views: tuple[View, ...]
    complete: bool


def _readable(data: bytes) -> str | None:
    text = data.decode("utf-8", errors="replace")
    if len(text) < 4 or len(_CONTROL.findall(text)) * 20 > len(text):
        return None
    return text if len(_SYMBOL.findall(text)) * 5 <= len(text) * 2 else None


def _runs(
    parent: View,
    runs: re.Pattern[str] | Iterable[re.Match[str]],
    decode: Callable[[str], str | None],
    layer: str,
) -> View | None:
    rewriter = Rewriter(parent)
    for match in runs.finditer(parent.text) if isinstance(runs, re.Pattern) else runs:
        decoded = decode(match[0])
        if decoded:
            rewriter.put(decoded + "\n", *match.span())
    return rewriter.view(layer)


def _base64_runs(parent: View) -> Iterator[re.Match[str]]:
    """What `_BASE64` finds, tried only where enough of its signs stand together."""
    drawn, wanted = _LONG_WORDS.drawn(parent.signs), _LONG_WORD.encode()
    place = drawn.find(wanted)
    while place >= 0:
        match = _BASE64.match(parent.text, place)
        if match:
            yield match
        place = match.end() if match else drawn.find(b"\0", place)
        place = drawn.find(wanted, place) if place >= 0 else place


def _from_base64(run: str) -> str | None:
    body = _BREAK.sub("", run).rstrip("=").translate(_URL_SAFE)
    body = body[: len(body) - (len(body) % 4 == 1)]
    return _readable(binascii.a2b_base64(body + "=" * (-len(body) % 4)))


def _from_hex(run: str) -> str | None:
    return _readable(bytes.fromhex(re.sub("[ :,-]", "", run)))


def _from_escape(match: re.Match[str]) -> str:
    found = match[0]
    if found.startswith("\\x"):
        return bytes.fromhex(found.replace("\\x", "")).decode("utf-8", errors="replace")
    if found.startswith("\\u"):
        return chr(int(found[2:], 16))
    return html.unescape(found)


def _from_selectors(run: str) -> str | None:
    places = (ord(character) for character in run)
    return _readable(
        bytes(place - 0xFE00 if place < 0xE0100 else place - 0xE0100 + 16 for place in places)
    )


def _from_binary(run: str) -> str | None:
    bits = re.sub("[ ,_-]", "", run)
    return _readable(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _from_codes(run: str) -> str | None:
    numbers = [int(number) for number in re.findall("[0-9]+", run)]
    if not all(number in _PRINTABLE for number in numbers):
        return None
    text = "".join(map(chr, numbers))
    return text if sum(map(str.isalpha, text)) * 10 >= len(text) * 7 else None


def _from_morse(run: str) -> str | None:
    words = [part.split() for part in re.split(r"[/|\n]| {2,}", run.translate(_MORSE_MARKS))]
    text = " ".join("".join(MORSE_LETTERS.get(mark, "") for mark in word) for word in words if word)
    return text if len(set(text)) > 4 else None


def base64(parent: View) -> View | None:
    """The readable base64 runs, standard or URL-safe, in one line or wrapped."""
    return _runs(parent, _base64_runs(parent), _from_base64, "base64")


def hexadecimal(parent: View) -> View | None:
    """The readable runs of hex digits, with or without separators."""
    if not _HEX_RUN.occurs(parent.signs):
        return None
    return _runs(parent, _HEX, _from_hex, "hex")


def percent(parent: View) -> View | None:
    """The text with URL escapes resolved."""
    if "%" not in parent.text:
        return None
    return rewrite(
        parent,
        _PERCENT,
        lambda match: unquote_to_bytes(match[0]).decode("utf-8", errors="replace"),
        "percent",
    )


def escapes(parent: View) -> View | None:
    r"""The text with \\x and \\u escapes and HTML references resolved."""
    if "\\" not in parent.text and "&" not in parent.text:
        return None
    return rewrite(parent, _ESCAPE, _from_escape, "escapes")


def binary(parent: View) -> View | None:
    """The readable runs of ones and zeros, eight to a character."""
    if "01" not in parent.text:
        return None
    return _runs(parent, _BINARY, _from_binary, "binary")


def codes(parent: View) -> View | None:
    """The readable lists of decimal character codes."""
    if not _CODE_DIGITS.occurs(parent.signs):
        return None
    return _runs(parent, _CODES, _from_codes, "character codes")


def morse(parent: View) -> View | None:
    """The runs of Morse code."""
    if not _MORSE_SIGNS.occurs(parent.signs):
        return None
    return _runs(parent, _MORSE_RUN, _from_morse, "morse")


def tags(parent: View) -> View | None:
    """The ASCII that Unicode tag characters spell."""
    if not _TAGS.search(parent.strange):
        return None
    return _runs(
        parent, _TAGS, lambda run: "".join(chr(ord(mark) - 0xE0000) for mark in run), "tags"
    )


def selectors(parent: View) -> View | None:
    """The bytes that runs of variation selectors spell."""
    if not _SELECTORS.search(parent.strange):
        return None
    return _runs(parent, _SELECTORS, _from_selectors, "selectors")


HIDDEN = (tags, selectors)
ENCODED = (
    base64, hexadecimal, percent, escapes, binary, codes, morse, alphabet, reversed_words,
    reversed_lines,
)  # fmt: skip
SPELLED = (unleet, unspace)


def unfold(field: str, text: str, root: View | None = None) -> Unfolding:
    """Every reading of `text`, breadth first, within a budget linear in its length.

    `root` is the original view where there is one already.
    """
    root = root or View(field, text)
    views, seen, complete = [root], {text}, True
    budget = BUDGET_FACTOR * len(text) + BUDGET_FLOOR
    wave = [root]
    for depth in range(DEPTH + 1):
        deeper: list[View] = []
        for parent in wave:
            plain = fold(parent) or parent
            derived = [] if plain is parent else [plain]
            derived += [view for spell in SPELLED if (view := spell(plain))]
            children: list[View] = []
            if depth < DEPTH:
                children += [view for decode in ENCODED if (view := decode(plain))]
                if not parent.text.isascii():
                    children += [view for decode in HIDDEN if (view := decode(parent))]
            for view in (*derived, *children):
                if view.text in seen:
                    continue
                budget -= len(view.text)
                if budget < 0:
                    complete = False
                    continue
                seen.add(view.text)
                views.append(view)
                if view in children:
                    deeper.append(view)
        wave = deeper
    return Unfolding(tuple(views), complete)
