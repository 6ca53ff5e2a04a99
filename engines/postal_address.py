"""Postal addresses: streets with house numbers, boxes, flats and postcodes.

Starts at each number and looks at the capitalised words around it for a street word, in front of
the name (rue, calle, via), behind it (Street, út) or grown into it (-straße, -gatan, -vej); the
flat, town and postcode that follow belong to the span.

Why it matters: an address tells where somebody can be found; with a name it identifies a household.

Flags: Send the parcel to 48 Larkspur Lane, Apt. 5, Brindleford.
Passes: On page 12 street art is discussed; it took 5 lanes and 300 pages to get there.

Source: OWASP LLM02:2025; Universal Postal Union, S42 address components.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from core.analysis import Finding
from engines.base import MAX_SPANS, TextEngine
from engines.normaliser import View
from engines.street_words import NOT_TOWNS, UNIT, street

_LARGE = "A-ZÀ-ÖØ-ÞĀ-ŽΆ-ΫА-ЯЁ"
_SMALL = (
    r"(?:de|del|della|dei|des|du|da|do|dos|das|la|las|le|les|los|den|der|van|von|of|the|e|y|al|am"
    r"|an|im|rue|via|calle|rua|avenue|place|chemin|utca|út|útja|tér|ulica|street|road|avenida|pod|na)"
)
_WORD = (
    rf"(?:(?:St|Apt|Ste|Str|Av|Ave|Avda|Rd|Blvd|Dr|Ln|Bldg|No|Sq|P\.O|[{_LARGE}])\."
    rf"|[{_LARGE}(][\w'’()-]{{0,30}}|{_SMALL}(?= )|u\.(?= \d))"
)
_NUMBER = r"#?\d{1,6}(?:-\d{2,4})?(?:\.(?=\s)|[A-Za-z](?!\w))?(?![\w:%]|[.,]\d)"
_GAP = r"(?:,?[ \t]{1,2}|,?[ \t]?\r?\n[> \t]{0,3}(?:\r?\n[> \t]{0,3})?|\r?\n, )"
_RIGHT = re.compile(rf"{_NUMBER}(?:{_GAP}(?:{_WORD}|{_NUMBER})){{0,14}}")
_NAME_WORD = re.compile(rf"[{_LARGE}(][\w'’().-]{{0,30}},?|(?:u|ul|al|str)\.|\d{{1,6}}|{_SMALL}")
_LEFT_REACH = 60
_MOST_WORDS = 7
_PART = re.compile(r"[^\s,>]+")
_DIGITS = re.compile(r"\d{1,6}(?!\d)")
_ROW = re.compile(r"(?:\d{1,6}[ \t]){2,}(?=\d{1,6}[ \t]\d)")
"""Numbers in a row, up to the last two: no address begins before these."""
_GLUED = frozenset("0123456789.,-/$€£=_+:abcdefghijklmnopqrstuvwxyz")
_STATE = re.compile(r"(?<![A-Za-z])[A-Z]{2} \d{5}(?:-\d{4})?(?!\d)")
_UK_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?![A-Za-z0-9])")
_NAMED_CODE = re.compile(
    r"(?i:\b(?:zip|zip ?code|post ?code|postal code|plz|cap|cep|code postal)\b)[ \t]{0,2}"
    r"(?:is|:|=)?[ \t]{1,2}(?P<code>[A-Z\d]{2,5}(?:[ -][A-Z\d]{2,4})?(?!\w))"
)
_TOWN_CODE = re.compile(
    rf"[{_LARGE}][\w'’-]{{2,30}} (?P<code>(?!(?:19|20)\d\d\b)\d{{4,5}}|\d{{3}} \d{{2}}"
    r"|\d{4}-\d{3}|\d{4} [A-Z]{2})(?![\w%]|[.,:/-]\d)"
)
_ALONE = frozenset(
    {"st", "way", "place", "close", "pod", "nad", "via", "al", "av", "dr", "ct", "row", "loop",
     "route", "str", "na", "box", "unit", "room", "floor", "ring", "passage", "building"}
)  # fmt: skip
"""Kinds of street that mean something else where no name stands with them: Dr 12, Route 66."""
_OPENERS = frozenset({"the", "my", "our", "your", "his", "her", "their", "address", "name"})
_FULL, _PART_ONLY = 0.05, 0.02


class PostalAddress(TextEngine):
    name = "postal_address"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    reads: ClassVar[Literal["original", "every"]] = "original"

    def scan(self, view: View) -> Iterable[Finding]:
        for found, (start, end, label, score) in enumerate(_addresses(view.text)):
            if found >= MAX_SPANS:
                return
            message = "holds a postal address" if score == _FULL else "holds a postcode"
            yield self.finding(view, start, end, label=label, score=score, message=message)


def _addresses(text: str) -> Iterator[tuple[int, int, str, float]]:
    """Addresses and postcodes, from left to right."""
    taken = 0
    for digits in _DIGITS.finditer(text):
        start = digits.start()
        before = text[start - 1] if start else " "
        if start < taken or before in _GLUED:
            continue
        row = _ROW.match(text, start)
        if row:
            taken = row.end()
            continue
        if span := _around(text, start, taken):
            taken = span[1]
            yield *span, "postal_address", _FULL
        elif (len(digits[0]) > 2 or before.isupper()) and (
            span := _postcode(text, start, digits.end())
        ):
            taken = span[1]
            yield *span, "postcode", _PART_ONLY


def _around(text: str, start: int, taken: int) -> tuple[int, int] | None:
    """The address that holds the number at `start`, if there is one."""
    right = _RIGHT.match(text, start)
    if right is None:
        return None
    begin = _named_before(text, max(taken, start - _LEFT_REACH), start)
    if begin is not None:
        return begin, _end(text, right)
    return (start, _end(text, right)) if _is_street(_PART.findall(right[0])) else None


def _named_before(text: str, first: int, start: int) -> int | None:
    """Where the name of a street begins that stands right before a house number."""
    if text[start - 1 : start] != " ":
        return None
    words: list[str] = []
    for word in reversed(text[first : start - 1].split(" ")):
        ends = words and word.endswith((",", ".", ":")) and not street(word[:-1].lower())
        if ends or len(words) == _MOST_WORDS or not _NAME_WORD.fullmatch(word):
            break
        words.insert(0, word)
    name = _trimmed(words) if words else None
    return text.rindex(name, first, start) if name else None


def _trimmed(words: list[str]) -> str | None:
    """The street's name, of the words before a house number."""
    plain = [word.rstrip(".,").lower() for word in words]
    while plain[0] in _OPENERS and len(plain) > 1:
        plain, words = plain[1:], words[1:]
    for word in plain:
        if street(word) or UNIT.fullmatch(word):
            return None if len(plain) == 1 and word in _ALONE else " ".join(words)
    return None


def _is_street(words: list[str]) -> bool:
    """Whether words that begin with a number read as number, name and kind of street.

    A second number behind the name does instead of the kind.
    """
    plain = [word.rstrip(".,").lower() for word in words[:9]]
    for place, word in enumerate(plain[1:], 1):
        numbered = words[place + 1 : place + 2] and words[place + 1][0].isdigit()
        if (street(word) and len(plain) > 2) or (UNIT.fullmatch(word) and numbered):
            return True
        if word[:1].isdigit() and place > 1:
            named = [each for each in plain[1:place] if not each[:1].isdigit()]
            return bool(named) and len(words[0]) > 2 and named[0] not in NOT_TOWNS
    return False


def _end(text: str, right: re.Match[str]) -> int:
    """Where the address ends, without a sign that closes the sentence."""
    end = right.end()
    return end - 1 if text[end - 1] == "." and text[end : end + 1] in {"", " ", "\n"} else end


def _postcode(text: str, start: int, end: int) -> tuple[int, int] | None:
    """A postcode beside the word that names it, a state or a town."""
    begin = max(0, start - 40)
    for pattern in (_NAMED_CODE, _STATE, _UK_CODE, _TOWN_CODE):
        for match in pattern.finditer(text, begin, end + 10):
            if match.start() <= start < match.end():
                if pattern is _TOWN_CODE and not _in_town(text, match):
                    continue
                return match.span("code") if pattern.groups else match.span()
    return None


def _in_town(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 6) : match.start()].lower()
    town = match[0].partition(" ")[0].lower()
    return before.endswith((" in ", " at ", " near ", ", ", "\n")) and town not in NOT_TOWNS
