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

from engines.base import PatternEngine, Rule

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "KW": 30, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "QA": 29,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
_NOT_DIGITS = re.compile(r"\D+", re.ASCII)


def _iban(match: re.Match[str]) -> bool:
    number = match[0].replace(" ", "").replace("-", "")
    if len(number) != _IBAN_LENGTHS.get(number[:2]):
        return False
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def _card(match: re.Match[str]) -> bool:
    digits = [int(digit) for digit in _NOT_DIGITS.sub("", match[0])]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _telephone(match: re.Match[str]) -> bool:
    return 8 <= len(_NOT_DIGITS.sub("", match[0])) <= 15


def _public_address(match: re.Match[str]) -> bool:
    try:
        return ipaddress.ip_address(match[0]).is_global
    except ValueError:
        return False


class PersonalData(PatternEngine):
    name = "personal_data"
    version = "1.0.0"
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
            r"(?<![\w+])\+[1-9][0-9]{0,2}(?:[ .()-]{1,2}[0-9]{1,8}){2,6}(?![\w-])"
            r"|(?<![\w+])\+[1-9][0-9]{7,14}(?!\w)"
            r"|(?<![\w.+-])(?:\([0-9]{3}\) ?|[0-9]{3}[.-])[0-9]{3}[.-][0-9]{4}(?![\w-])",
            0.2,
            "holds a telephone number",
            needs=("+", "-", "."),
            check=_telephone,
        ),
        Rule(
            "iban",
            r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?"
            r"(?![A-Za-z0-9])",
            0.5,
            "holds a bank account number (IBAN)",
            check=_iban,
        ),
        Rule(
            "payment_card",
            r"(?<![\w.-])(?:3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
            r"|(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6(?:011|5[0-9]{2}))"
            r"(?:[ -]?[0-9]{4}){3})(?![\w-])",
            0.6,
            "holds a payment card number",
            check=_card,
        ),
        Rule(
            "us_social_security",
            r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])",
            0.6,
            "holds a US social security number",
            needs=("-",),
        ),
        Rule(
            "ip_address",
            r"(?<![\w.:])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.]{0,1}[0-9A-Za-z])"
            r"|(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?![\w:])",
            0.1,
            "holds a public IP address",
            needs=(".", ":"),
            check=_public_address,
        ),
    )
