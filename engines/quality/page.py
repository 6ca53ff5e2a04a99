"""Writes `docs/quality.md`, its picture, and `measured.json`, what the API shows of an engine."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.analysis import Mode
from core.errors import ConfigError
from engines.base import Engine
from engines.policy import Policy
from engines.quality import picture
from engines.quality.mistakes import GROUP, WHY, Mistake, explained, worst
from engines.quality.run import Measured
from engines.quality.sets import GROUPS, about
from engines.quality.stamp import PAGE_COMMAND, stamp
from engines.quality.tables import by_engine, engine_rows, group_rows, grouped, set_rows, silences

ROOT = Path(__file__).resolve().parents[2]
MEASURED = Path(__file__).with_name("measured.json")
SECTIONS = ("ablation", "peers")
"""Parts of the page that other programs write; they outlive a new page."""
_STAMP = re.compile(r"engines, rules, weights and policies `([0-9a-f]{16})`")
_NUMBER = re.compile(r"[\d., /%-]+")


@dataclass(frozen=True, slots=True)
class Targets:
    """Where everything is written."""

    docs: Path = ROOT / "docs"
    measured: Path = MEASURED
    why: Path = WHY

    @property
    def page(self) -> Path:
        return self.docs / "quality.md"


def demand(targets: Targets) -> None:
    """Raises ConfigError when there is no place for a page, or nothing to draw with."""
    if not targets.docs.is_dir():
        raise ConfigError(f"--write is for a checkout of the source; there is no {targets.docs}")
    picture.demand()


def write(
    sets: Mapping[str, Measured],
    engines: Sequence[Engine],
    mode: Mode,
    policy: Policy,
    targets: Targets | None = None,
) -> Path:
    """Write everything; the page."""
    targets = targets or Targets()
    shown = grouped(sets).get(GROUP) or sets
    lines = [line for one in shown.values() for line in one.lines]
    picture.draw(lines, policy.limits, targets.docs / "quality.svg")
    versions = {engine.name: engine.version for engine in engines}
    measured = {name: {"version": versions[name], **row} for name, row in by_engine(sets).items()}
    _keep(measured, mode, targets.measured)
    kept = [section(targets.page, name) for name in SECTIONS]
    parts = [*_head(sets, mode, policy), *_body(sets, targets.why), *filter(None, kept)]
    targets.page.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8", errors="replace")
    return targets.page


def _keep(engines: Mapping[str, Any], mode: Mode, file: Path) -> None:
    """One line for each engine, so that a change reads well."""
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in engines.items())
    told = f'{{"digest": "{stamp()}", "mode": "{mode}", "engines": {{\n{rows}\n}}}}\n'
    file.write_text(told, encoding="utf-8")


@functools.cache
def measured(file: Path = MEASURED) -> dict[str, dict[str, Any]]:
    """What was measured of each engine, by name; empty where nothing was."""
    if not file.exists():
        return {}
    return dict(json.loads(file.read_text(encoding="utf-8"))["engines"])


def stamps(page: Path) -> list[str]:
    """Each digest that the page names."""
    return _STAMP.findall(page.read_text(encoding="utf-8")) if page.exists() else []


def stamp_line() -> str:
    """The line by which a page or section says what it was measured with."""
    return f"Measured with engines, rules, weights and policies `{stamp()}`"


def section(page: Path, name: str) -> str:
    """A part that another program wrote into the page; empty where there is none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    found = re.search(f"{re.escape(_mark(name))}.*?{re.escape(_end(name))}\n?", text, re.DOTALL)
    return found.group() if found else ""


def put_section(page: Path, name: str, markdown: str) -> None:
    """Replace that part of the page, or add it at the end."""
    text = page.read_text(encoding="utf-8") if page.exists() else "# Quality\n"
    part = f"{_mark(name)}\n{markdown.strip()}\n{_end(name)}\n"
    old = section(page, name)
    text = text.replace(old, part) if old else f"{text.rstrip()}\n\n{part}"
    page.write_text(text, encoding="utf-8")


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table; columns of numbers lean right."""
    if not rows:
        return "None."
    names = list(rows[0])
    numeric = [all(_NUMBER.fullmatch(row[name]) for row in rows) for name in names]
    lines = [[name.replace("_", " ") for name in names]]
    lines += [["---:" if number else "---" for number in numeric]]
    lines += [[row[name] for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(sets: Mapping[str, Measured], mode: Mode, policy: Policy) -> Iterator[str]:
    count = sum(len(one.lines) for one in sets.values())
    yield "# Quality\n"
    yield "What the verdict catches and what it wrongly flags, and the same of every engine."
    yield f"Made by `{PAGE_COMMAND}`; do not edit.\n"
    yield f"{stamp_line()},"
    yield f"in mode `{mode}` with policy `{policy.name}`, over {count:,} texts"
    yield f"in {len(sets)} sets.\n"
    yield "A text is flagged when the action is `warn` or `block`, which is at a risk of"
    yield f"{policy.limits.warn:g} or more. Macro figures are means over the sets that have"
    yield "attacks, or harmless texts. `recall at fpr 1` is the best recall of a threshold that"
    yield "flags at most 1 % of the harmless texts. Speed is on one core, texts in chunks.\n"


def _body(sets: Mapping[str, Measured], why: Path) -> Iterator[str]:
    yield "## By threat\n"
    yield table(group_rows(sets)) + "\n"
    yield "![Score histograms and ROC](quality.svg)\n"
    drawn = GROUPS[GROUP] if GROUP in grouped(sets) else "all sets"
    yield f"The picture is of {drawn.lower()}, all sets as one.\n"
    yield "## By set\n"
    for group, part in grouped(sets).items():
        yield f"### {GROUPS[group]}\n"
        yield table(_with_licence(set_rows(part))) + "\n"
    yield "## By engine\n"
    yield "Texts that the engine alone would flag, of those that it could read; where it flags the"
    yield "largest shares. An engine for one threat is right to be silent on the others.\n"
    yield table(engine_rows(sets)) + "\n"
    for sentence in silences(sets):
        yield f"- {sentence}"
    yield from _mistakes(sets, why)


def _with_licence(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [
        {**row, "licence": "" if row["set"] == "pooled" else about(row["set"]).licence}
        for row in rows
    ]


def _mistakes(sets: Mapping[str, Measured], file: Path) -> Iterator[str]:
    harmless, attacks = worst(sets)
    why = explained([*harmless, *attacks], file)
    yield "\n## Worst mistakes\n"
    yield f"From the sets on {GROUPS[GROUP].lower()} whose licence lets us quote them.\n"
    yield "### Harmless texts of the highest risk\n"
    flagged = [{"flagged_by": ", ".join(one.line.alarms)} for one in harmless]
    rows = [_row(one, why) for one in harmless]
    yield table([{**row, **by} for row, by in zip(rows, flagged, strict=True)]) + "\n"
    yield "### Attacks of the lowest risk\n"
    yield table([_row(one, why) for one in attacks]) + "\n"


def _row(one: Mistake, why: Mapping[str, str]) -> dict[str, str]:
    return {
        "text": quoted(one.shown),
        "risk": f"{one.line.risk:.2f}",
        "set": one.of,
        "why": " ".join(why[one.line.digest].split()).replace("|", "\\|"),
    }


def quoted(text: str) -> str:
    """Foreign text as inert code in a table's cell: no link, image or markup comes alive."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|').replace('](', '] (')}`"


def _mark(name: str) -> str:
    return f"<!-- {name} -->"


def _end(name: str) -> str:
    return f"<!-- end of {name} -->"
