"""Reads an operator's file of harmless texts: JSON lines, or one text a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.schemas import Input
from core.analysis import Content
from core.errors import BadInput

_INPUT = ("text", "prompt", "response", "context")


def read(file: Path) -> tuple[list[Content], int]:
    """The texts of a file, and how many lines cannot be used. Raises BadInput when all of them."""
    lines = file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    used = [line for line in lines if line.strip()]
    as_json = file.suffix in (".jsonl", ".ndjson", ".json") or bool(used and _object(used[0]))
    found = [_content(line, as_json) for line in used]
    contents = [content for content in found if content is not None]
    if not contents:
        raise BadInput(f"{file} has no line that can be used")
    return contents, len(found) - len(contents)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _content(line: bytes, as_json: bool) -> Content | None:
    """The input that a line holds; None for one that is broken or that is labelled an attack."""
    if not as_json:
        return Content(text=line.decode("utf-8", "replace"))
    given = _object(line)
    if given is None or given.get("label") not in (None, 0, False):
        return None
    try:
        return Input(**{name: given[name] for name in _INPUT if name in given}).content()
    except ValidationError:
        return None
