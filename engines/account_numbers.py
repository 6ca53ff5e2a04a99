"""Numbers of bank accounts, cards and devices that their names give away.

Finds American routing numbers (check digit verified), sort codes, bank codes and account numbers
where a word names them, security codes and expiry dates of cards, device numbers (IMEI, verified),
vehicle numbers (verified), insurance, medical record and customer numbers.

Why it matters: an account number beside a name is enough for a debit or a convincing fraud.

Flags: Routing number 122105155, account number 000123456789, please set up the debit.
Passes: Which routing number do I need for account opening? Chapter 12 has 456 sections.

Source: OWASP LLM02:2025; ABA routing numbers; 3GPP TS 23.003 (IMEI); ISO 3779 (vehicles).
"""

from __future__ import annotations

import re

from engines.base import PatternEngine, Rule
from engines.check_digits import aba_routing, digits_of, luhn

_LINK = r"[\w ]{0,16}?(?:\bis\b|\bno\.?|\bnumber\b|#|\bnr\.?)?[ \t:=#.]{1,6}"
_VEHICLE = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
)
_VEHICLE_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _routing(match: re.Match[str]) -> bool:
    return aba_routing(match["value"])


def _device(match: re.Match[str]) -> bool:
    digits = digits_of(match["value"])
    return len(digits) == 15 and luhn(digits)


def _vehicle(match: re.Match[str]) -> bool:
    value = match["value"].upper()
    total = sum(
        (int(sign) if sign.isdigit() else _VEHICLE[sign]) * weight
        for sign, weight in zip(value, _VEHICLE_WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == value[8]


class AccountNumbers(PatternEngine):
    name = "account_numbers"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    rules = (
        Rule(
            "us_routing_number",
            rf"\b(?:routing|aba|rtn)\b(?:/aba|/rtn| routing)?{_LINK}(?P<value>\d{{9}})(?!\d)",
            0.55,
            "holds a bank routing number",
            needs=(
                "routing n",
                "routing #",
                "routing:",
                "routing/",
                "routing i",
                "aba n",
                "aba #",
                "aba:",
                "aba rout",
                "rtn:",
                "rtn n",
                "rtn i",
            ),
            check=_routing,
        ),
        Rule(
            "bank_account",
            rf"\b(?:account|acct|konto(?:nummer)?|compte|cuenta|conto|rekening(?:nummer)?|a/c){_LINK}"
            r"(?P<value>\d(?:[ -]?\d){6,16})(?![\w-])",
            0.5,
            "holds a bank account number",
            needs=(
                "account n",
                "account #",
                "account:",
                "account i",
                "account w",
                "acct",
                "konto",
                "compte n",
                "compte :",
                "cuenta n",
                "cuenta:",
                "conto n",
                "conto:",
                "rekening",
                "a/c",
            ),
        ),
        Rule(
            "uk_sort_code",
            rf"\bsort[ -]?code{_LINK}(?P<value>\d\d[ -]?\d\d[ -]?\d\d)(?![\d-])",
            0.5,
            "holds a bank sort code",
            needs=("sort code", "sortcode", "sort-code"),
        ),
        Rule(
            "bank_code",
            rf"\b(?:bic|swift|bic/swift|swift/bic)\b{_LINK}"
            r"(?P<value>[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?)\b",
            0.2,
            "holds the code of a bank",
            needs=(
                "bic:",
                "bic i",
                "bic c",
                "bic n",
                "bic/",
                "/bic",
                "swift:",
                "swift i",
                "swift c",
                "swift n",
            ),
            check=lambda match: any(map(str.isdigit, match["value"])) or len(match["value"]) == 11,
        ),
        Rule(
            "card_security_code",
            rf"\b(?:cvv2?|cvc2?|security code){_LINK}(?P<value>\d{{3,4}})(?!\d)",
            0.5,
            "holds the security code of a card",
            needs=("cvv", "cvc", "security code"),
        ),
        Rule(
            "card_expiry",
            r"\b(?:exp(?:iry|ires|iration)?(?: date)?|valid (?:thru|until))[ \t:.]{1,4}"
            r"(?P<value>(?:0[1-9]|1[0-2]) ?/ ?(?:20)?[2-4]\d)(?!\d)",
            0.2,
            "holds the expiry date of a card",
            needs=("exp ", "exp:", "exp.", "expir", "expires", "valid thru", "valid until"),
        ),
        Rule(
            "device_number",
            rf"\bimei{_LINK}(?P<value>\d(?:[ -]?\d){{14}})(?!\d)",
            0.5,
            "holds the number of a device",
            needs=("imei",),
            check=_device,
        ),
        Rule(
            "vehicle_number",
            rf"\b(?:vin|vehicle identification){_LINK}(?P<value>[a-hj-npr-z0-9]{{17}})\b",
            0.4,
            "holds the number of a vehicle",
            needs=("vin:", "vin n", "vin i", "vin #", "vehicle identification"),
            check=_vehicle,
        ),
        Rule(
            "record_number",
            r"\b(?:medical record|patient|mrn|policy|insurance|member|customer|claim|beneficiary)"
            r"(?: (?:id|no\.?|number|nr\.?|#))[ \t]{0,2}(?:is\b)?"
            r"[ \t:=#]{1,4}(?P<value>[a-z]{0,4}[ -]?\d[\d-]{4,16})(?![\w-])",
            0.4,
            "holds the number of a person's record",
            needs=(
                "medical record",
                "mrn",
                "patient n",
                "patient id",
                "patient #",
                "policy n",
                "policy id",
                "policy #",
                "insurance n",
                "insurance id",
                "insurance #",
                "member n",
                "member id",
                "member #",
                "customer n",
                "customer id",
                "customer #",
                "claim n",
                "claim id",
                "claim #",
                "beneficiary n",
                "beneficiary id",
                "beneficiary #",
            ),
        ),
    )
