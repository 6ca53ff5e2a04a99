"""Runs one local detector over texts. Stands alone: it runs in an environment without this project.

Reads `{"texts": […], "warm_up": …}` from standard input as JSON; answers with what ran and its
version, seconds, and `[flagged, score]` for each text.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Answer = tuple[bool, float]
SEVERITIES = {"critical": 1.0, "high": 0.75, "medium": 0.5, "low": 0.25}


def pyatr() -> Callable[[str], Answer]:
    """Flagged when any bundled rule matches, as its own command line has it; the score is the
    highest severity."""
    package: Any = importlib.import_module("pyatr")

    def ask(text: str) -> Answer:
        matches = package.scan(text)
        return bool(matches), max([SEVERITIES.get(one.severity, 0.5) for one in matches], default=0)

    return ask


def forcefield() -> Callable[[str], Answer]:
    """Flagged when it says `blocked`; the score is its risk score. Raises SystemExit when it
    would leave out its model."""
    package: Any = importlib.import_module("forcefield")
    if not importlib.import_module("forcefield.ml").is_available():
        raise SystemExit("forcefield cannot load its model; install forcefield[ml-sklearn]")
    guard = package.Guard(telemetry=False)

    def ask(text: str) -> Answer:
        result = guard.scan(text)
        return bool(result.blocked), float(result.risk_score)

    return ask


PEERS = {"pyatr": pyatr, "forcefield": forcefield}


def main() -> None:
    """Load, warm up, time, answer."""
    name = sys.argv[1]
    asked = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ask = PEERS[name]()
    ask(asked["warm_up"])
    began = time.perf_counter()
    answers = [ask(text) for text in asked["texts"]]
    spent = time.perf_counter() - began
    told = {"version": version(name), "seconds": spent, "answers": answers}
    json.dump(told, sys.__stdout__ or sys.stdout)


if __name__ == "__main__":
    main()
