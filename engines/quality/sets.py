"""What is known of a set by its name: the threat that its label means, and its licence."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("sets.yaml")
GROUPS = {
    "injection": "Prompt injection and jailbreak",
    "harm": "Harmful requests",
    "toxicity": "Toxicity",
    "own": "Written for this project",
    "given": "Other sets",
}


@dataclass(frozen=True, slots=True)
class About:
    """`group` is one of GROUPS; `quote` tells whether a page may show lines of the set."""

    group: str = "given"
    licence: str = "unknown"
    quote: bool = False


@functools.cache
def known() -> dict[str, About]:
    """The sets of `sets.yaml`."""
    rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: About(**row) for name, row in rows.items()}


def about(name: str) -> About:
    """What is known of the set of this name."""
    return known().get(name, About())
