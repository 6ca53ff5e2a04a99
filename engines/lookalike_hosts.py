"""Host names that pass for those of well-known brands, and the tricks of writing a host."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from engines.confusables import CONFUSABLES
from engines.normaliser import View, fold

_BRANDS_NAMES = """
    google gmail youtube paypal apple icloud microsoft microsoftonline office365 outlook
    hotmail amazon netflix facebook instagram whatsapp twitter linkedin dropbox github gitlab
    adobe ebay spotify telegram
    discord coinbase binance blockchain metamask kraken revolut stripe chase wellsfargo citibank
    barclays santander sparkasse deutschebank postbank bankofamerica americanexpress mastercard
    docusign wetransfer steamcommunity roblox tiktok snapchat openai chatgpt anthropic samsung
    yahoo walmart aliexpress alibaba booking airbnb fedex royalmail usps
"""
BRANDS = frozenset(_BRANDS_NAMES.split())
_AMBIGUOUS = frozenset({"apple", "chase", "booking", "discord", "outlook", "blockchain", "kraken",
                        "stripe", "office365", "amazon", "telegram"})  # fmt: skip
"""Ordinary words as well: a host that has one beside other words says little."""
_LURES = re.compile(
    r"(?:log-?in|log-?on|sign-?in|sign-?on|secure|security|verify|verification|verified|accounts?"
    r"|update|unlock|suspend\w{0,3}|billing|invoice|refund|recovery|recover|confirm|alert|wallet"
    r"|auth|authenticate|password|reset|support-?team|limited|service-?center|id)\d{0,4}$"
)
_TWO_LEVELS = frozenset({"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "go", "gob"})
_LEET = str.maketrans("01345$", "oleass")
_DOTS = re.compile("[\u3002\uff0e\uff61\u2024\ufe52]")
_TRICKS = re.compile("[\u2044\u2215\u29f8\uff0f\u2571\u3033\uff1a\ua789\ufe6b\uff20\uff03\u02d0]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_HOUSED_NAMES = """
    github.io githubusercontent.com gitlab.io google.com googleapis.com googleusercontent.com
    amazonaws.com cloudfront.net azurewebsites.net microsoftonline.com wikipedia.org medium.com
    stackoverflow.com stackexchange.com readthedocs.io npmjs.com pypi.org archive.org live.com
"""
_HOUSED = frozenset(_HOUSED_NAMES.split())
"""Domains whose hosts may speak of any brand."""


class Doubt(NamedTuple):
    """What is wrong with a host."""

    label: str
    score: float
    message: str


def registrable(host: str) -> str:
    """The part of a host that its owner registered: `example.co.uk` of `www.example.co.uk`."""
    labels = host.rstrip(".").split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _TWO_LEVELS:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


@functools.lru_cache(maxsize=4096)
def doubts(host: str) -> tuple[Doubt, ...]:
    """What is wrong with a host name in lower case."""
    found: list[Doubt] = []
    if not host.isascii() or "%" in host:
        found += _writing(host)
        host = _INVISIBLE.sub("", _DOTS.sub(".", host))
    name = registrable(host)
    label = name.partition(".")[0]
    plain = _plain(label)
    if plain != label and plain in BRANDS:
        found.append(Doubt("lookalike_letters", 0.85, "spells a brand with other letters"))
    elif _mixed(_decoded(label)):
        found.append(Doubt("mixed_host", 0.6, "mixes alphabets within a host name"))
    elif label.isascii() and label not in BRANDS:
        found += _imitations(host, name, label)
    return tuple(found)


def _writing(host: str) -> list[Doubt]:
    found = []
    if _TRICKS.search(host):
        found.append(Doubt("false_slash", 0.75, "has a sign that only looks like a slash or colon"))
    if _INVISIBLE.search(host):
        found.append(Doubt("invisible_in_host", 0.75, "hides invisible characters in a host name"))
    if _DOTS.search(host):
        found.append(Doubt("false_dot", 0.5, "writes the dots of a host with other signs"))
    if re.search("%[0-9a-f]{2}", host):
        found.append(Doubt("escaped_host", 0.6, "hides a host name behind escapes"))
    return found


def _imitations(host: str, name: str, label: str) -> list[Doubt]:
    if label.translate(_LEET).replace("rn", "m").replace("vv", "w") in BRANDS:
        return [Doubt("lookalike_letters", 0.8, "spells a brand with digits or other letters")]
    if label.replace("-", "") in BRANDS and len(label) > 6:
        return [Doubt("near_brand", 0.5, "is a brand's name with a hyphen")]
    if name in _HOUSED:
        return []
    above = host[: -len(name)].rstrip(".").split(".")
    for at, part in enumerate(above):
        if (
            not BRANDS.isdisjoint(part.split("-"))
            and at + 1 < len(above)
            and above[at + 1] in {"com", "net", "org", "co"}
        ):
            return [Doubt("brand_as_subdomain", 0.8, "puts a brand's address before its own")]
    parts = label.split("-")
    brands = [part for part in (*parts, *above) if _plain_ascii(part) in BRANDS]
    lures = sum(bool(_LURES.match(part)) for part in (*parts, *above))
    if brands and lures:
        score = 0.4 if set(brands) <= _AMBIGUOUS and lures < 2 else 0.6
        return [Doubt("brand_and_lure", score, "joins a brand and a call to log in")]
    if _misspelt(label):
        return [Doubt("near_brand", 0.5, "is a brand's name with a slip of the pen")]
    return []


def _plain_ascii(part: str) -> str:
    return part if part in BRANDS else part.translate(_LEET).replace("rn", "m")


def _misspelt(label: str) -> bool:
    """Whether dropping a doubled letter, or swapping two, makes it a brand."""
    if len(label) < 6 or not label.isalpha():
        return False
    for at in range(len(label) - 1):
        one, two = label[at], label[at + 1]
        if one == two and label[:at] + label[at + 1 :] in BRANDS:
            return True
        if one != two and label[:at] + two + one + label[at + 2 :] in BRANDS:
            return True
    return False


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


def _plain(label: str) -> str:
    """A label as it looks: punycode decoded, look-alikes and accents as ASCII."""
    shown = _decoded(label)
    if shown.isascii():
        return label
    folded = fold(View("", shown))
    return (folded.text if folded else shown).lower().translate(_LEET)


def _mixed(label: str) -> bool:
    """Whether letters of another alphabet stand for Latin ones between Latin letters."""
    latin = any("a" <= letter <= "z" for letter in label)
    return latin and any(letter in CONFUSABLES for letter in label)
