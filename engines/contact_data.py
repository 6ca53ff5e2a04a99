"""Ways to reach a person on the net, and where they are: pages, handles, coordinates.

Finds web addresses and domains, account names behind an @ or a word that names the service, and
geographic coordinates.

Why it matters: a personal page or handle leads to everything else its owner has published. Most
addresses are ordinary, so they score next to nothing.

Flags: My telegram is @kestrel_ablaze, write me there.
Passes: Use @property above the method and import numpy as np; see section 3.2.

Source: OWASP LLM02:2025; GDPR recital 30, online identifiers.
"""

from __future__ import annotations

import re

from engines.base import PatternEngine, Rule
from engines.digit_needles import around
from engines.outline import DIGITS, Outline


class ContactData(PatternEngine):
    name = "contact_data"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    rules = (
        Rule(
            "web_address",
            r"https?://(?:[\w-]{1,63}\.){1,6}[a-z]{2,24}(?::\d{1,5})?(?:/[^\s\"'<>)\]]{0,300})?",
            0.05,
            "holds a web address",
            needs=("http://", "https://"),
        ),
        Rule(
            "domain_name",
            r"\bwww\.(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?:/[^\s\"'<>)\]]{0,300})?",
            0.05,
            "holds a domain name",
            needs=("www.",),
        ),
        Rule(
            "account_name",
            r"\b(?:telegram|instagram|insta|twitter|tiktok|snapchat|discord|skype|facebook|github"
            r"|mastodon|signal|linkedin)\b(?: (?:id|handle|account|name|user|username))?"
            r"\W{0,3}(?:is |: ?)?\W{0,2}"
            r"(?P<value>@[\w.]{3,32}|[\w.]{3,32}#\d{4})",
            0.2,
            "holds the name of an account",
            needs=(
                "telegram",
                "insta",
                "twitter",
                "tiktok",
                "snapchat",
                "discord",
                "skype",
                "facebook",
                "github",
                "mastodon",
                "signal",
                "linkedin",
            ),
        ),
        Rule(
            "coordinates",
            r"[0-9]{1,2}\.[0-9]{4,8}°? ?[ns]?, ?-?[0-9]{1,3}\.[0-9]{4,8}(?![0-9])",
            0.2,
            "holds geographic coordinates",
            needs=around("."),
            outline=Outline("dsdddd", d=DIGITS, s="."),
            check=lambda match: _on_earth(match[0]),
        ),
    )


def _on_earth(found: str) -> bool:
    north, east = (abs(float(number)) for number in re.findall(r"[0-9]+\.[0-9]+", found))
    return north <= 90 and east <= 180
