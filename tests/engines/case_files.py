"""The example inputs of each engine, one YAML file an engine under `cases/`.

`rules: {label: [[hit, look-alike], …]}` for engines that are a table of patterns; `attacks` and
`look_alikes`, ten or more each. An input is a text or a mapping with the fields of a guard call:
`text, response, system_prompt, documents, history, tools` and `options`, what a policy sets for
the engine. All of them were written for this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from core.analysis import Content

FOLDER = Path(__file__).parent / "cases"
Options = Mapping[str, Mapping[str, Any]]


class Case(NamedTuple):
    content: Content
    options: Options


def case(engine: str, given: str | Mapping[str, Any]) -> Case:
    """An input of a file, or of an engine's manual."""
    if isinstance(given, str):
        return Case(Content(text=given), {})
    fields = dict(given)
    options = fields.pop("options", None)
    for name in ("documents", "history", "tools"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return Case(Content(**fields), {engine: options} if options else {})


def read(engine: str) -> dict[str, Any]:
    """The file of an engine; empty where it has none."""
    path = FOLDER / f"{engine}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
