"""Passports, driving licences and other documents that prove who somebody is.

Finds the machine-readable lines of passports and identity cards (check digits verified), and
numbers of passports, licences, visas and identity cards where a word names them.

Why it matters: a document number with a name lets a stranger pass remote identity checks.

Flags: passport number: K8291746, valid until 2031
Passes: A passport number has nine signs; my driver's licence expires in 2031.

Source: ICAO Doc 9303 (machine-readable travel documents); OWASP LLM02:2025.
"""

from __future__ import annotations

import re

from engines.base import PatternEngine, Rule

_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LINK = (
    r"(?:['’]?s)?[ \t]{0,2}(?:card|id|no\.?|number|num|nr\.?|nummer|#)?[ \t]{0,2}"
    r"(?:is\b|=|:|#|\()?[ \t:#]{0,4}"
)


def _check_digit(part: str) -> int:
    values = (0 if sign == "<" else _SIGNS.index(sign) for sign in part)
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10


def _machine_readable(match: re.Match[str]) -> bool:
    """Whether the digits behind document number and birth date check them."""
    pairs = ((match["number"], match["first"]), (match["born"], match["second"]))
    return all(_check_digit(part) == int(check) for part, check in pairs)


def _numbered(match: re.Match[str]) -> bool:
    value = match["value"]
    return sum(map(str.isdigit, value)) >= max(4, len(value) // 2 - 1)


class IdentityDocuments(PatternEngine):
    name = "identity_documents"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    rules = (
        Rule(
            "machine_readable_zone",
            r"(?P<number>[a-z0-9<]{9})(?P<first>\d)[a-z]{3}(?P<born>\d{6})(?P<second>\d)[mfx<]\d{6}\d",
            0.65,
            "holds the machine-readable line of a passport",
            needs=("<<",),
            check=_machine_readable,
        ),
        Rule(
            "passport_number",
            rf"\b(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort)(?:nummer)?{_LINK}"
            r"(?P<value>[a-z]{0,3}\d[a-z0-9]{5,8})\b",
            0.55,
            "holds a passport number",
            needs=("passport", "reisepass", "passeport", "pasaporte", "passaporto", "paspoort"),
            check=_numbered,
        ),
        Rule(
            "driving_licence",
            r"\b(?:driv(?:er|ing)(?:['’]?s)?[ -]licen[cs]e|führerschein"
            r"|permis de conduire|carnet de conducir"
            rf"|licen[cs]e (?:no\.?|number))(?:nummer)?{_LINK}"
            r"(?P<value>[a-z]{0,5}[ -]?\d[a-z0-9]{0,11}(?:-[a-z0-9]{2,6}){0,4})\b",
            0.55,
            "holds the number of a driving licence",
            needs=("licen", "führerschein", "permis", "carnet"),
            check=_numbered,
        ),
        Rule(
            "identity_card",
            r"\b(?:identity card|id card|national id|personalausweis(?:nummer)?"
            r"|ausweisnummer|visa number|green card"
            rf"|residence permit|carte d'identité|alien number|voter id){_LINK}"
            r"(?P<value>[a-z]{0,3}-?\d[a-z0-9]{5,12})\b",
            0.5,
            "holds the number of an identity card, visa or permit",
            needs=(
                "identity",
                "id card",
                "national id",
                "ausweis",
                "visa",
                "green card",
                "permit",
                "identité",
                "alien",
                "voter",
            ),
            check=_numbered,
        ),
        Rule(
            "licence_plate",
            r"\b(?:licen[cs]e plate|number ?plate|plate number|registration number|kennzeichen)"
            r"[ \t]{0,2}(?:is\b|=|:|number)?[ \t:]{1,4}"
            r"(?P<value>(?=[a-z -]{0,6}\d)[a-z0-9]{1,4}[ -]?[a-z0-9]{1,4}(?:[ -][a-z0-9]{1,4})?)\b",
            0.4,
            "holds the plate of a vehicle",
            needs=("plate", "registration", "kennzeichen"),
        ),
    )
