"""Data that point to a person: addresses, numbers, accounts.

Finds e-mail addresses, telephone numbers, IBANs (country length and checksum verified), payment
cards (issuer range and Luhn digit verified), US social security numbers and public IP addresses.
The messages never repeat what was found.

Why it matters: personal data in prompts and answers is subject to law, and a model provider is a
third party. Contact data alone is ordinary and scores low; account numbers score high.

Flags: Please refund the card 4111 1111 1111 1111 of this customer.
Passes: Order 4111 1111 1111 1112 shipped at 10:30:45 from build 192.168.0.1, see section 123-45.

Source: OWASP LLM02:2025 Sensitive Information Disclosure; ISO 13616 (IBAN), ISO/IEC 7812 (cards).
"""

from __future__ import annotations

import ipaddress
import re
from string import ascii_uppercase

from engines.base import PatternEngine, Rule
from engines.check_digits import digits_of, luhn, mod_97
from engines.digit_needles import around
from engines.outline import DIGITS, HEX_DIGITS, Outline

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "KW": 30, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "QA": 29,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
_BEFORE = 64
_CALLED = re.compile(
    r"\b(?:phone|tel|telephone|telefon|téléphone|teléfono|call|mobile|cell|cellphone|fax|handy|sms"
    r"|text|whatsapp|viber|signal|reach|dial|ring|answering|messages?|contact|number)\b\W{0,3}"
    r"(?:\w{1,10}\W{1,3}){0,4}\Z"
)
_CARD_LENGTHS = {
    "34": (15,), "37": (15,), "36": (14,), "38": (14,), "39": (14, 16), "30": (14, 16),
    "35": (16, 17, 18, 19), "62": (16, 17, 18, 19), "65": (16, 19), "64": (16, 19), "81": (16,),
    "60": (16, 19), "50": (12, 13, 14, 15, 16, 17, 18, 19), "67": (16, 17, 18, 19),
    "63": (12, 13, 14, 15, 16, 17, 18, 19), "22": (16,), "18": (15,), "21": (15,),
}  # fmt: skip
"""Digits of a card by its first two, where those of Visa and Mastercard do not tell."""


def _alone(match: re.Match[str]) -> bool:
    """Whether it does not go on to the left. A look-behind would slow the search down."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    return not before or not (before.isalnum() or before in "_-.:/+=#$€£%,")


def _ended(match: re.Match[str]) -> bool:
    """Whether it does not go on to the right. A look-ahead would step back through the digits."""
    after = match.string[match.end() : match.end() + 2]
    return not after or not (
        after[0].isalnum() or after[0] in "_-" or (after[0] == "." and after[1:].isdigit())
    )


def _iban(match: re.Match[str]) -> bool:
    number = re.sub(r"[ -]", "", match[0])
    return (
        _alone(match)
        and len(number) == _IBAN_LENGTHS.get(number[:2])
        and mod_97(number[4:] + number[:4]) == 1
    )


def _card(match: re.Match[str]) -> bool:
    if not _alone(match) or not _ended(match):
        return False
    digits = digits_of(match[0])
    start = "".join(map(str, digits[:2]))
    lengths: tuple[int, ...] = _CARD_LENGTHS.get(start, ())
    if start[0] == "4":
        lengths = (13, 16, 19)
    elif start in {"51", "52", "53", "54", "55", "23", "24", "25", "26", "27"}:
        lengths = (16,)
    return len(digits) in lengths and len(set(digits)) > 1 and luhn(digits)


def _telephone(match: re.Match[str]) -> bool:
    return _alone(match) and 8 <= len(digits_of(match[0])) <= 15


def _national_telephone(match: re.Match[str]) -> bool:
    """Groups of digits that begin with a zero or a bracket, or a word before that names them."""
    found, start = match[0], match.start()
    if not 7 <= len(found) <= 20 or not _alone(match) or not _ended(match) or _DATE.match(found):
        return False
    if not 7 <= len(digits_of(found)) <= 12:
        return False
    if _CALLED.search(match.string[max(0, start - _BEFORE) : start].lower()):
        return True
    groups = re.split(r"[^0-9]+", found.strip("("))
    return (
        found[0] in "0("
        and groups[0] != "000"
        and len(groups) > 2
        and len(groups[0]) > 1
        and len(groups[-1]) > 1
    )


_DATE = re.compile(
    r"(?:19|20)\d\d[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d"
)


def _public_address(match: re.Match[str]) -> bool:
    try:
        return _alone(match) and ipaddress.ip_address(match[0]).is_global
    except ValueError:
        return False


class PersonalData(PatternEngine):
    name = "personal_data"
    version = "2.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    cased = True
    rules = (
        Rule(
            "email",
            r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])",
            0.2,
            "holds an e-mail address",
            needs=("@",),
        ),
        Rule(
            "telephone",
            r"\+[1-9][0-9]{0,2}(?:[ .()-]{1,2}[0-9]{1,8}){2,6}(?![\w-])|\+[1-9][0-9]{7,14}(?!\w)",
            0.2,
            "holds a telephone number",
            needs=("+",),
            check=_telephone,
        ),
        Rule(
            "north_american_telephone",
            r"[(0-9](?:(?<=\()[0-9]{3}\) ?|(?<=[0-9])[0-9]{2}[.-])[0-9]{3}[.-][0-9]{4}"
            r"(?: ?(?:x|ext\.?) ?[0-9]{1,6})?(?![\w-])",
            0.2,
            "holds a telephone number",
            needs=around("-", "."),
            outline=Outline("dddsdddd", d=DIGITS, s="-."),
            check=_alone,
        ),
        Rule(
            "national_telephone",
            r"[(0-9][0-9](?:[0-9]{0,10}\)?(?:[ ./-]{1,2}[0-9]{2,8}){1,5}|[0-9]{4,10})",
            0.2,
            "holds a telephone number",
            outline=Outline("d" * 7, d=DIGITS, dropped="() ./-"),
            check=_national_telephone,
        ),
        Rule(
            "iban",
            r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
            0.5,
            "holds a bank account number (IBAN)",
            needs=tuple(_IBAN_LENGTHS),
            outline=Outline("uudd", u=ascii_uppercase, d=DIGITS),
            check=_iban,
        ),
        Rule(
            "payment_card",
            r"[1-8][0-9]{3}(?:[ -]?[0-9]{4,6}){2}(?:[ -]?[0-9]{1,7})?",
            0.6,
            "holds a payment card number",
            outline=Outline("d" * 12, d=DIGITS, dropped=" -"),
            check=_card,
        ),
        Rule(
            "us_social_security",
            r"[0-8][0-9]{2}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])",
            0.6,
            "holds a US social security number",
            needs=around("-"),
            outline=Outline("dddsddsdddd", d=DIGITS, s="-"),
            check=lambda match: _alone(match) and match[0][:3] not in {"000", "666"},
        ),
        Rule(
            "ip_address",
            r"[0-9]{1,3}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w.]{0,1}[0-9A-Za-z])",
            0.1,
            "holds a public IP address",
            needs=around("."),
            check=_public_address,
        ),
        Rule(
            "ipv6_address",
            r"(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?![\w:])",
            0.1,
            "holds a public IP address",
            needs=("::", *(f":{digit}" for digit in "0123456789abcdefABCDEF")),
            outline=Outline("cc", c=":", dropped=HEX_DIGITS),
            check=_public_address,
        ),
    )
