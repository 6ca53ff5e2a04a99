"""Whether a value may be a secret, or is a placeholder, an example or a piece of code."""

from __future__ import annotations

import math
import re
from collections import Counter

_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change.?(?:me|it|this)|your|xxx|\*\*\*|\.\.\.|…|[<>{}\[\]]"
    r"|\$[({A-Za-z]|%[A-Za-z_]{2,40}%|redacted|insert|replace|todo|fixme|1234567|abcdef|test|fake"
    r"|foo|bar(?:$|[^a-z])|lorem|default|required|optional|null|none|undefined|hidden|masked"
    r"|removed|omitted|process\.env|environ|getenv|^env[.(\[]|^config[.(\[]|vault:|^file:|^data:",
    re.IGNORECASE,
)
_SURE_PLACEHOLDER = re.compile(r"example|x{6}|\*{6}|your|phrase here|redacted", re.IGNORECASE)
_TRIVIAL = re.compile(
    r"(?:my|new|old|the|user|admin|root|super|some|a|db|app)?[_-]?"
    r"(?:p[a@]ssw[o0]rd|passphrase|passwd|pass|pwd|secret|token|key|credentials?|admin|root|user"
    r"|guest|login|value|string|text|true|false|hash|hashed|email|username|client|bearer|basic"
    r"|auth|public|private|qwerty|letmein|api)?[_-]?(?:here|key|token|id|value|hash|field|input)?"
    r"[_-]?[0-9]{0,4}!?",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)+\W{0,3}|.*\(.*|.*\w\).*")
_REPEATED = re.compile(r"(.)\1{5}")
RANDOM_BITS = 3.0
_LONG = 32
_LONG_BITS = 4.2
"""So long and so mixed a value holds short words by chance."""


def bits(value: str) -> float:
    """Shannon entropy of a value, bits per character."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)


def placeholder(value: str) -> bool:
    """Whether it stands for a secret only: `your-key-here`, `${KEY}`, `changeme`."""
    if len(value) >= _LONG and bits(value) >= _LONG_BITS:
        return bool(_SURE_PLACEHOLDER.search(value))
    return bool(_PLACEHOLDER.search(value) or _TRIVIAL.fullmatch(value) or _REPEATED.search(value))


def code(value: str) -> bool:
    """Whether it reads as an expression: `config.key`, `read(…)`."""
    return bool(_CODE.fullmatch(value))


def random_looking(value: str) -> bool:
    """Whether letters and digits are mixed without a visible plan."""
    mixed = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    return mixed and bits(value) >= RANDOM_BITS and not placeholder(value)
