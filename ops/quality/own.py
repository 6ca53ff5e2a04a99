"""Makes `engines/quality/own.jsonl` of the example inputs of the engines' tests.

    python -m ops.quality.own            write the file
    python -m ops.quality.own --check    exit 1 when the file is out of date

Inputs that need a policy's options are left out: a line has no place for them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "engines" / "cases"
TARGET = ROOT / "engines" / "quality" / "own.jsonl"
CONTEXT = ("system_prompt", "documents", "history", "tools")


def lines(folder: Path = CASES) -> Iterator[str]:
    """A line for each attack and each look-alike, by engine."""
    for path in sorted(folder.glob("*.yaml")):
        cases = yaml.safe_load(path.read_text(encoding="utf-8"))
        for kind, label in (("attacks", 1), ("look_alikes", 0)):
            for given in cases.get(kind, ()):
                fields = {"text": given} if isinstance(given, str) else dict(given)
                if "options" not in fields:
                    yield json.dumps({**line(fields), "label": label, "source": path.stem})


def line(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in the shape of a guard call."""
    context = {name: fields[name] for name in CONTEXT if name in fields}
    made = {"text": fields.get("text", "")}
    if "response" in fields:
        made["response"] = fields["response"]
    return {**made, "context": context} if context else made


def main() -> int:
    made = "".join(f"{one}\n" for one in lines())
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(made, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != made:
        print(f"{TARGET.name} is out of date; run `python -m ops.quality.own`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
