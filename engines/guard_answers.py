"""What a guard model answered, read line by line; what does not parse is no answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

CATEGORIES = {
    "Violent": "harmful_request",
    "Non-violent Illegal Acts": "harmful_request",
    "Sexual Content or Sexual Acts": "toxicity",
    "PII": "personal_data",
    "Suicide & Self-Harm": "harmful_request",
    "Unethical Acts": "toxicity",
    "Politically Sensitive Topics": "topic_policy",
    "Copyright Violation": "topic_policy",
    "Jailbreak": "jailbreak",
}
"""The models' categories and ours."""
LABELS = ("Safe", "Unsafe", "Controversial")
SCORES = {"Safe": 0.0, "Unsafe": 1.0, "Controversial": 0.5}
"""What a label counts where the model's probabilities cannot be had."""
FALLBACK = "harmful_request"

_SAFETY = re.compile(r"\s*Safety: *(Safe|Unsafe|Controversial)\s*")
_REST = re.compile(r"Categories: *(\S[^\n]*?)\s*(?:Refusal: *(?:Yes|No)\s*)?")
_NAMES = {name.lower(): name for name in CATEGORIES}


@dataclass(frozen=True, slots=True)
class Answer:
    """`Safe`, `Unsafe` or `Controversial`, and which of CATEGORIES it names, in its order."""

    label: str
    categories: tuple[str, ...] = ()

    @property
    def category(self) -> str:
        """Ours for the first that it names."""
        return CATEGORIES[self.categories[0]] if self.categories else FALLBACK


def parse(text: str) -> Answer | None:
    """The answer, or None.

    `Safe` is believed only where the whole answer is as it should be: a safety line, a line of
    categories that names none, and perhaps whether a response is a refusal. An accusation that is
    cut short still is one.
    """
    safety = _SAFETY.match(text)
    if safety is None:
        return None
    rest = _REST.fullmatch(text, safety.end())
    label = safety[1]
    if label == "Safe":
        return Answer(label) if rest and rest[1].lower() == "none" else None
    named = [part.strip().lower() for part in rest[1].split(",")] if rest else []
    return Answer(label, tuple(_NAMES[name] for name in named if name in _NAMES))
