"""Needles for rules about numbers: digits around a sign, which ordinary prose seldom has."""

from __future__ import annotations

_DIGITS = "0123456789"


def around(*signs: str) -> tuple[str, ...]:
    """A sign between two digits, for each sign: `0-0` to `9-9`."""
    return tuple(f"{left}{sign}{right}" for sign in signs for left in _DIGITS for right in _DIGITS)


def before(*words: str) -> tuple[str, ...]:
    """A digit and a space in front of each word."""
    return tuple(f"{digit} {word}" for word in words for digit in _DIGITS)


def behind(*words: str) -> tuple[str, ...]:
    """A digit and a space behind each word."""
    return tuple(f"{word} {digit}" for word in words for digit in _DIGITS)
