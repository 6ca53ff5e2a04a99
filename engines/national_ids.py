"""National identity, tax and insurance numbers, their check digits verified.

Finds the numbers of more than thirty countries. A form that is unmistakable stands alone; bare
digits that pass a check by chance need a word beside them that names the number.

Why it matters: such a number never changes and opens accounts, tax files and health records.

Flags: My codice fiscale is RSSMRA85T10A562S, is it valid?
Passes: Article 85-10-562 has 7 pages; build 20240131-0005 took 12345678901 nanoseconds.

Source: the issuing authorities' own check rules; ISO 7064; OWASP LLM02:2025.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from core.analysis import Finding
from engines import check_digits as check
from engines.base import MAX_SPANS, TextEngine
from engines.normaliser import View


class _Number(NamedTuple):
    """`words` say what it is; a `lone` number is believed without them."""

    label: str
    regex: str
    check: Callable[[str], bool]
    words: tuple[str, ...]
    lone: bool = False


def _luhn(text: str) -> bool:
    return check.luhn(check.digits_of(text))


def _birth_first(text: str) -> bool:
    digits = check.digits_of(text)
    return check.day(
        digits[4] * 10 + digits[5], digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]
    )


def _any(_text: str) -> bool:
    return True


def _insured(text: str) -> bool:
    return text[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


_TAX = ("tax", "steuer", "idnr", "fiscal", "nif", "tin")
_SOCIAL = ("social", "insurance", "security", "versicherung", "sozial")
_ID = ("id number", "identity", "national id", "id card", "identification", "personal number")
_NUMBERS = (
    _Number("us_itin", r"9\d\d-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}", _any, _TAX, lone=True),
    _Number(
        "us_social_security",
        r"(?!000|666|9)\d{3} (?!00)\d\d (?!0000)\d{4}"
        r"|(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4}",
        _any,
        ("ssn", "social security"),
    ),
    _Number(
        "uk_insurance_number",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]",
        _insured,
        _SOCIAL,
        lone=True,
    ),
    _Number("uk_nhs_number", r"\d{3}[ -]?\d{3}[ -]?\d{4}", check.nhs, ("nhs", "patient")),
    _Number("german_tax_number", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", check.steuer_id, _TAX),
    _Number(
        "french_insurance_number",
        r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
        check.nir,
        _SOCIAL,
        lone=True,
    ),
    _Number(
        "spanish_dni", r"\d{8}[ -]?[A-Z]|[XYZ]-?\d{7}-?[A-Z]", check.dni, ("dni", "nie"), lone=True
    ),
    _Number(
        "italian_tax_code",
        r"[A-Z]{6}\d\d[ABCDEHLMPRST]\d\d[A-Z]\d{3}[A-Z]",
        check.codice_fiscale,
        _TAX,
        lone=True,
    ),
    _Number(
        "dutch_bsn", r"\d{9}|\d{4}[. ]\d\d[. ]\d{3}", check.bsn, ("bsn", "burgerservice", "sofi")
    ),
    _Number("polish_pesel", r"\d{11}", check.pesel, ("pesel", *_ID)),
    _Number("brazilian_cpf", r"\d{3}\.\d{3}\.\d{3}-\d\d", check.cpf, ("cpf",), lone=True),
    _Number("brazilian_cpf", r"\d{11}", check.cpf, ("cpf",)),
    _Number(
        "indian_aadhaar",
        r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}",
        lambda text: check.verhoeff(check.digits_of(text)),
        ("aadhaar", "aadhar", "uidai"),
    ),
    _Number("indian_pan", r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]", _any, ("pan",), lone=True),
    _Number(
        "swedish_personal_number",
        r"(?:19|20)?\d{6}[-+]\d{4}",
        check.personnummer,
        ("person", *_ID),
        lone=True,
    ),
    _Number("danish_cpr", r"\d{6}-\d{4}", _birth_first, ("cpr", "personnummer")),
    _Number(
        "norwegian_number",
        r"\d{6} ?\d{5}",
        check.fodselsnummer,
        ("fødsel", "fodsel", "personnummer", *_ID),
    ),
    _Number("finnish_identity_code", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", check.hetu, _ID, lone=True),
    _Number("swiss_ahv", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", check.ahv, ("ahv", "avs"), lone=True),
    _Number("belgian_number", r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", check.rijksregister, _ID, lone=True),
    _Number("czech_birth_number", r"\d{6}/\d{4}", check.rodne_cislo, ("rodn",), lone=True),
    _Number("romanian_cnp", r"[1-8]\d{12}", check.cnp, ("cnp", *_ID)),
    _Number("turkish_number", r"[1-9]\d{10}", check.kimlik, ("kimlik", "tckn", "t.c.")),
    _Number(
        "south_african_number",
        r"\d{13}|\d{6} \d{4} \d{3}",
        check.south_african,
        ("south african", *_ID),
    ),
    _Number(
        "chinese_resident_number",
        r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]",
        check.resident_id,
        _ID,
        lone=True,
    ),
    _Number(
        "korean_resident_number",
        r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-4]\d{6}",
        _any,
        ("rrn", *_ID),
        lone=True,
    ),
    _Number("singapore_nric", r"[STFG]\d{7}[A-Z]", check.nric, ("nric", "fin"), lone=True),
    _Number(
        "mexican_curp",
        r"[A-Z][AEIOUX][A-Z]{2}\d\d(?:0[1-9]|1[0-2])[0-3]\d[HM][A-Z]{5}[0-9A-Z]\d",
        _any,
        ("curp",),
        lone=True,
    ),
    _Number("chilean_rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", check.rut, ("rut",), lone=True),
    _Number(
        "argentine_cuit",
        r"(?:20|23|24|27|3[034])-\d{8}-\d",
        check.cuit,
        ("cuit", "cuil"),
        lone=True,
    ),
    _Number("russian_snils", r"\d{3}-\d{3}-\d{3}[ -]\d\d", check.snils, ("snils",), lone=True),
    _Number(
        "canadian_insurance_number",
        r"\d{3}[ -]?\d{3}[ -]?\d{3}",
        _luhn,
        ("sin", "social insurance"),
    ),
    _Number("australian_tax_number", r"\d{3} ?\d{3} ?\d{3}", check.tfn, ("tfn", "tax file")),
    _Number("baltic_personal_code", r"[1-6]\d{10}", check.isikukood, ("isikukood", "asmens", *_ID)),
    _Number("irish_pps", r"\d{7}[A-W][A-IW]?", check.pps, ("pps", "public service")),
    _Number(
        "portuguese_tax_number",
        r"[1-3]\d{8}|[1-3]\d\d \d{3} \d{3}",
        check.nif,
        ("nif", "contribuinte"),
    ),
    _Number(
        "croatian_oib", r"\d{11}", lambda text: check.mod_11_10(check.digits_of(text)), ("oib",)
    ),
    _Number(
        "austrian_insurance_number", r"\d{4} ?\d{6}", check.svnr, ("svnr", "sv-n", "versicherung")
    ),
)
_CANDIDATE = re.compile(r"[0-9](?:[A-Za-z .+/-]{0,6}[0-9]){4,22}")
_AROUND = 8
"""Letters of a number before its first digit and behind its last."""
_TOO_LONG = re.compile(r"\d{19}")
_REACH = 60
_LONE_SCORE, _NAMED_SCORE = 0.55, 0.65


class NationalIds(TextEngine):
    name = "national_ids"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")

    def load(self) -> None:
        self._rows = tuple(
            (
                number,
                re.compile(rf"(?<![\w.-])(?:{number.regex})(?![\w-]|\.\d)", re.ASCII),
                re.compile("|".join(rf"(?<![^\W_]){re.escape(word)}" for word in number.words)),
            )
            for number in _NUMBERS
        )

    def scan(self, view: View) -> Iterable[Finding]:
        text, found = view.text, 0
        for near in _CANDIDATE.finditer(text):
            if _TOO_LONG.search(near[0]):
                continue
            first, last = max(0, near.start() - _AROUND), near.end() + _AROUND
            for number, pattern, words in self._rows:
                match = pattern.search(text, first, last)
                if not match or text[match.end() : match.end() + 1].isalnum():
                    continue
                if not number.check(match[0]):
                    continue
                start = max(0, match.start() - _REACH)
                named = words.search(view.lower, start, match.end() + _REACH // 3) is not None
                if named or number.lone:
                    yield self.finding(
                        view,
                        *match.span(),
                        label=number.label,
                        score=_NAMED_SCORE if named else _LONE_SCORE,
                        message=f"holds a number of the form {number.label.replace('_', ' ')}",
                    )
                    found += 1
                    if found >= MAX_SPANS:
                        return
                    break
