"""Short prompts, no two alike: a verdict cache answers a prompt that it has seen."""

from __future__ import annotations

import secrets

_THINGS = (
    "weather report", "menu", "poem", "timetable", "recipe", "letter", "speech", "interview",
    "play", "guide", "review", "lesson", "summary", "story", "catalogue", "diary", "invitation",
)  # fmt: skip
_LANGUAGES = ("French", "Italian", "Danish", "Polish", "Greek", "Welsh", "Finnish", "Catalan")
_TONES = ("friendly", "formal", "short", "cheerful", "plain", "patient", "dry")
_WORDS = (
    "harbour", "lantern", "meadow", "orchard", "pebble", "quarry", "ribbon", "saddle", "timber",
    "velvet", "willow", "anchor", "basket", "candle", "dragon", "ember", "fiddle", "garden",
    "hammer", "island", "jacket", "kettle", "ladder", "marble", "needle", "oyster", "pepper",
    "rocket", "silver", "turnip", "walnut", "barrel",
)  # fmt: skip


def fresh_salt() -> str:
    """Words that set one measurement's prompts apart from every other's."""
    return " ".join(secrets.choice(_WORDS) for _ in range(5))


def prompt(salt: str, number: int) -> str:
    """A harmless prompt of some 90 characters; another number or salt gives another text."""
    thing = _THINGS[number % len(_THINGS)]
    language = _LANGUAGES[number % len(_LANGUAGES)]
    tone = _TONES[number % len(_TONES)]
    return f"Please put the {thing} into {language}, keep it {tone}; {salt}, case {number}."
