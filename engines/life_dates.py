"""Dates, ages and dates of birth.

Finds calendar dates in the usual notations, weekdays, years behind "in" or "since", ages, and
dates that a word names as somebody's birth.

Why it matters: a date of birth is half of most identity checks. Any other date is ordinary and
scores next to nothing; it helps to see what a text tells about a person.

Flags: She was born on 14 March 1987 in Gdynia.
Passes: Version 3.11.2 needs 12/16 of the memory, and it may take 30 minutes.

Source: HIPAA Safe Harbor, 45 CFR 164.514(b) (dates and ages); ISO 8601.
"""

from __future__ import annotations

import re

from engines.base import PatternEngine, Rule
from engines.digit_needles import around, before, behind
from engines.outline import DIGITS, Outline

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}\.?,? (?:1[89]|20)\d\d"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? (?:1[89]|20)\d\d"
    r"|(?:1[89]|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:[0-2]?\d|3[01])(?!\d)"
    r"|(?:[0-2]?\d|3[01])[-/.](?:[0-2]?\d|3[01])[-/.](?:(?:1[89]|20)\d\d|\d\d)(?!\d))"
)


_YEAR_AFTER = ("in", "since", "of", "during", "until", "from", "by", "before", "after")
_AGE_AFTER = (
    "age ", "aged ", "age of ", "age: ", "turned ", "turn ", "turning ", "i'm ", "i am ",
    "he was ", "he is ", "he's ",
)  # fmt: skip
_MONTH_NAMES = (
    *_MONTHS, "january", "february", "march", "april", "june", "july", "august", "september",
    "october", "november", "december", "sept",
)  # fmt: skip
_GOES_ON = re.compile(r"[./:-]\d")
_GLUED = frozenset("./-_:+$€£")


def _free(match: re.Match[str]) -> bool:
    """Whether no longer number or word goes on to its left or right."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start] if start else "", text[end : end + 2]
    if before.isalnum() or before in _GLUED:
        return False
    return not after[:1].isalnum() and after[:1] not in {"_", "%"} and not _GOES_ON.match(after)


def _year(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 10) : match.start()]
    return before.endswith(" ") and before.rstrip().endswith(_YEAR_AFTER) and _free(match)


def _age(match: re.Match[str]) -> bool:
    start = match.start()
    return match.string[max(0, start - 10) : start].endswith(_AGE_AFTER) and _free(match)


def _numeric(match: re.Match[str]) -> bool:
    """Whether the numbers can be a day."""
    if not _free(match):
        return False
    parts = [int(part) for part in re.findall(r"[0-9]+", match[0])[:3]]
    if parts[0] > 99:
        return 1800 <= parts[0] <= 2100 and 1 <= parts[1] <= 12 and 1 <= parts[2] <= 31
    years = 1900 <= parts[2] <= 2100 or (parts[2] < 100 and match["sign"] == "/")
    return years and 1 <= min(parts[:2]) <= 12 and 1 <= max(parts[:2]) <= 31


class LifeDates(PatternEngine):
    name = "life_dates"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    rules = (
        Rule(
            "birth_date",
            r"(?:\bborn(?: on)?|\bbirth ?da(?:y|te)|\bdate of birth|\bd\.?o\.?b\b\.?"
            r"|\bgeboren(?: am)?|\bgeburtsdatum|\bnée? le|\bdata di nascita)"
            rf"\W{{0,3}}(?:is |was |on |: ?)?\W{{0,2}}{_DATE}",
            0.1,
            "holds a date of birth",
            needs=(
                "born ",
                "birthd",
                "birth d",
                "of birth",
                "dob",
                "d.o.b",
                "gebor",
                "geburt",
                "née le",
                "né le",
                "nascita",
            ),
        ),
        Rule(
            "date",
            rf"[0-9]{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}\b\.?(?:,? (?:1[89]|20)[0-9]{{2}})?",
            0.02,
            "holds a date",
            needs=(
                *before(*_MONTHS, "of"),
                *(
                    f"{end} {month}"
                    for end in ("st", "nd", "rd", "th")
                    for month in (*_MONTHS, "of")
                ),
            ),
            check=_free,
        ),
        Rule(
            "named_month",
            rf"{_MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? (?:1[89]|20)[0-9]{{2}})?(?!\w)",
            0.02,
            "holds a date",
            needs=behind(*_MONTH_NAMES, *(f"{month}." for month in _MONTHS)),
            check=_free,
        ),
        Rule(
            "numeric_date",
            r"[0-9]{1,4}(?P<sign>[-/.])[0-9]{1,2}(?P=sign)[0-9]{2,4}"
            r"(?:[t ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?",
            0.02,
            "holds a date",
            needs=around("-", "/", "."),
            outline=Outline("dsdsdd", "dsddsdd", d=DIGITS, s="-/."),
            check=_numeric,
        ),
        Rule(
            "weekday",
            r"(?:mon|tues|wednes|thurs|fri|satur|sun)day(?!\w)",
            0.01,
            "names a day of the week",
            needs=("monday", "sunday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
        ),
        Rule(
            "year",
            r"(?:1[89]|20)[0-9]{2}(?![0-9])",
            0.01,
            "names a year",
            needs=tuple(f"{word} {year}" for word in _YEAR_AFTER for year in ("18", "19", "20")),
            check=_year,
        ),
        Rule(
            "age",
            r"[0-9]{1,3}(?= ?-?(?:years?|yrs?|y)[ -]?(?:old|/?o\b))",
            0.02,
            "tells somebody's age",
            needs=("year", "yr", "y/o", "yo "),
            check=_free,
        ),
        Rule(
            "age_told",
            r"[1-9][0-9]{0,2}(?=[.,;!?)\s]|$)"
            r"(?! ?(?:%|percent|degrees|km|miles|minutes|hours|days|weeks|months|of))",
            0.02,
            "tells somebody's age",
            needs=_AGE_AFTER,
            check=_age,
        ),
    )
