"""Random configurations: what `amtool check-config` accepts and what we do."""

from __future__ import annotations

import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from alerts.config import parse_alerts
from core.errors import ConfigError
from ops.conformance.mistakes import Writer

FILES = 50
"""Files that one amtool checks."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A configuration that one takes and the other does not; empty messages are of acceptance."""

    text: str
    theirs: str
    ours: str


def compare(count: int, seed: int, processes: int) -> tuple[int, int, list[Disagreement]]:
    """Configurations compared, how many both accept, and where they disagree."""
    rounds = -(-count // FILES)
    accepted, found = 0, []
    with ThreadPoolExecutor(processes) as threads:
        for good, differing in threads.map(_some, range(seed, seed + rounds)):
            accepted += good
            found.extend(differing)
    return rounds * FILES, accepted, found


def _some(seed: int) -> tuple[int, list[Disagreement]]:
    texts = [
        yaml.safe_dump(Writer(seed * FILES + n).document(), sort_keys=False, allow_unicode=True)
        for n in range(FILES)
    ]
    accepted, found = 0, []
    for text, theirs in zip(texts, checked(texts), strict=True):
        ours = refusal(text)
        accepted += not theirs and not ours
        if bool(theirs) != bool(ours):
            found.append(Disagreement(text, theirs, ours))
    return accepted, found


def refusal(text: str) -> str:
    """Why we refuse, or nothing."""
    try:
        parse_alerts(text, environment={})
    except ConfigError as problem:
        return str(problem)
    return ""


def checked(texts: list[str]) -> list[str]:
    """Why amtool refuses each text, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.yml" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["amtool", "check-config", *map(str, files)],
            capture_output=True,
            text=True,
            check=False,
        )
    said = re.split(r"^Checking '[^']*'  ", done.stdout, flags=re.MULTILINE)[1:]
    if len(said) != len(texts):
        raise RuntimeError(f"amtool spoke of {len(said)} of {len(texts)} files: {done.stderr}")
    return ["" if one.startswith("SUCCESS") else " ".join(one.split())[:300] for one in said]
