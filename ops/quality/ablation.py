"""What each part of the CPU engines adds: rules, learned engines, windows.

    python -m ops.quality.ablation DIR [--mode balanced] [--group injection] [--limit N] [--write]

DIR holds labelled sets, as for `sentinel-cli engines bench`. Every engine runs once as shipped, and
the learned ones once more without windows; the verdict is then taken over parts of what they said.
`--write` puts the table into docs/quality.md.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.analysis import EngineResult, Mode
from engines.base import Engine
from engines.policy import Policy
from engines.quality import page
from engines.quality.cases import Case
from engines.quality.figures import Scored
from engines.quality.run import (
    CHUNK,
    choose,
    judged,
    one_core,
    open_ended,
    scored,
    warm_up,
)
from engines.quality.tables import summarized
from engines.runner import run
from engines.verdict import FAILED
from ops.quality.sample import sets_of

LEARNED = "learned_"
PARTS = ("rules", "learned", "learned, no windows", "both", "both, no windows")
COLUMNS = {
    "macro_recall": "macro recall",
    "macro_false_positive_rate": "macro false positive rate",
    "auroc": "auroc",
    "recall_at_fpr_1": "recall at fpr 1",
    "macro_recall_at_fpr_1": "macro recall at fpr 1",
}

Lines = dict[str, dict[str, list[Scored]]]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="ops.quality.ablation", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.BALANCED)
    parser.add_argument("--group", default="injection", help="which sets of DIR")
    parser.add_argument("--limit", type=int, help="lines of each set; default: all")
    parser.add_argument("--write", action="store_true", help="put the table into docs/quality.md")
    return parser.parse_args()


def is_learned(engine: Engine) -> bool:
    return engine.name.startswith(LEARNED)


def ablated(sets: Mapping[str, Sequence[Case]], engines: Sequence[Engine], policy: Policy) -> Lines:
    """The verdicts by part and set; parts that have no engine are left out."""
    learned = [engine for engine in engines if is_learned(engine)]
    rules = [engine for engine in engines if not is_learned(engine)]
    whole = {engine.name: {"windows": False} for engine in learned}
    policy = open_ended(policy)
    lines: Lines = {part: {name: [] for name in sets} for part in PARTS}
    failures = Counter[str]()
    for name, cases in sets.items():
        print(f"{name}: {len(cases)} texts", flush=True)
        for first in range(0, len(cases), CHUNK):
            chunk = cases[first : first + CHUNK]
            contents = [case.content for case in chunk]
            by_rules = run(rules, contents)
            by_learned = run(learned, contents)
            unwindowed = run(learned, contents, options=whole)
            for result in itertools.chain(*by_rules, *by_learned, *unwindowed):
                if result.outcome in FAILED:
                    failures[f"{result.engine}: {result.outcome}: {result.reason}"] += 1
            said = {
                "rules": by_rules,
                "learned": by_learned,
                "learned, no windows": unwindowed,
                "both": _joined(by_rules, by_learned),
                "both, no windows": _joined(by_rules, unwindowed),
            }
            for part, results in said.items():
                judgements = judged(policy, contents, results)
                lines[part][name] += [
                    scored(case, judgement, policy)
                    for case, judgement in zip(chunk, judgements, strict=True)
                ]
    for failure, count in sorted(failures.items()):
        print(f"{failure} ({count} times)", file=sys.stderr)
    known = set(PARTS if rules and learned else ("rules",) if rules else PARTS[1:3])
    return {part: found for part, found in lines.items() if part in known}


def _joined(
    first: Sequence[list[EngineResult]], second: Sequence[list[EngineResult]]
) -> list[list[EngineResult]]:
    return [one + other for one, other in zip(first, second, strict=True)]


def rows(lines: Lines) -> list[dict[str, str]]:
    """A row for each part."""
    made = []
    for part, sets in lines.items():
        figures: dict[str, Any] = summarized({name: (each, 0.0) for name, each in sets.items()})
        cells = {
            shown: "-" if figures[name] is None else f"{figures[name]:.3f}"
            for name, shown in COLUMNS.items()
        }
        made.append({"engines": part, **cells})
    return made


def main() -> None:
    """Measure, print, write."""
    chosen = arguments()
    policy = Policy()
    engines = choose(policy, chosen.mode)
    sets = sets_of(chosen.folder, chosen.group, chosen.limit)
    with one_core():
        warm_up(engines)
        table = page.table(rows(ablated(sets, engines, policy)))
    names = ", ".join(f"`{engine.name}`" for engine in engines if is_learned(engine)) or "none"
    count = sum(map(len, sets.values()))
    markdown = (
        "## What each part adds\n\n"
        f"Group `{chosen.group}`, {count:,} texts in {len(sets)} sets, mode `{chosen.mode}`. The"
        f" learned engines of this mode: {names}. Made by `python -m ops.quality.ablation DIR"
        f" --write`.\n{page.stamp_line()}.\n\n{table}"
    )
    print(f"\n{markdown}")
    if chosen.write:
        page.put_section(page.Targets().page, "ablation", markdown)


if __name__ == "__main__":
    main()
