"""Random trees and label sets: the receivers that `amtool config routes test` names, and ours.

amtool answers one label set per start, so one configuration carries many trees: each a child of the
root that continues, its receivers marked, so that one answer holds the answers of all.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alerts.config import parse_alerts
from alerts.tree import route
from ops.conformance import grow

TREES = 50
"""Trees in one configuration."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A tree and labels that are answered in two ways."""

    tree: dict[str, Any]
    labels: dict[str, str]
    theirs: list[str]
    ours: list[str]


def compare(pairs: int, seed: int, processes: int) -> tuple[int, int, list[Difference]]:
    """At least so many pairs; trees, pairs asked, and what differs."""
    rounds = -(-pairs // (TREES * 4))
    found: list[Difference] = []
    with ThreadPoolExecutor(processes) as threads:
        for differing in threads.map(_one, range(seed, seed + rounds)):
            found.extend(differing)
    return rounds * TREES, rounds * TREES * 4, found


def _one(seed: int) -> list[Difference]:
    grown = [grow.tree(seed * TREES + n, f"t{n}") for n in range(TREES)]
    names = [name for _, receivers in grown for name in receivers]
    document = {
        "route": {"receiver": "none", "routes": [{**one, "continue": True} for one, _ in grown]},
        "receivers": [{"name": name} for name in ("none", *names)],
    }
    said = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    ours = parse_alerts(said, f"seed {seed}", environment={}).tree
    chance = random.Random(-seed - 1)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "alertmanager.yml"
        file.write_text(said, encoding="utf-8")
        for _ in range(4):
            labels = grow.labels(chance)
            theirs = asked(file, labels)
            mine = [target.receiver for target in route(ours, labels)]
            found.extend(_differences(grown, labels, theirs, mine))
    return found


def asked(file: Path, labels: dict[str, str]) -> list[str]:
    """What amtool answers."""
    arguments = [f"{name}={grow.quoted(value)}" for name, value in labels.items()]
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={file}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"amtool refused {arguments}: {done.stderr}{done.stdout}")
    return done.stdout.strip().split(",")


def _differences(
    grown: list[tuple[dict[str, Any], list[str]]],
    labels: dict[str, str],
    theirs: list[str],
    ours: list[str],
) -> Iterator[Difference]:
    if theirs == ours:
        return
    for number, (one, _) in enumerate(grown):
        mark = f"t{number}-"
        told = [name for name in theirs if name.startswith(mark)]
        mine = [name for name in ours if name.startswith(mark)]
        if told != mine:
            yield Difference(one, labels, told, mine)
