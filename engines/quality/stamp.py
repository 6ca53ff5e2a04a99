"""The digest of everything that a verdict depends on: engines, weights, policies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]
PAGE_COMMAND = "sentinel-cli engines bench --write --data DIR"

_ASIDE = {"quality", "__pycache__"}
_PROSE = {".md", ".pyc", ".typed"}


def stamp(folder: Path = FOLDER) -> str:
    """The same for the same engines, rules, weights and policies; measuring has no part in it."""
    total = hashlib.sha256()
    for path in sorted(_files(folder), key=lambda one: one.relative_to(folder).as_posix()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        aside = _ASIDE & set(inside) or any(part.startswith(".") for part in inside)
        if path.is_file() and not aside and path.suffix not in _PROSE:
            yield path
