"""Measured sets as rows: by set, by group of sets, by engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engines.quality.figures import Scored, figures, macro_recall_at, pooled, share
from engines.quality.run import Measured
from engines.quality.sets import GROUPS, about

Sets = Mapping[str, Measured]


def published(sets: Sets) -> dict[str, Any]:
    """What `--json` prints: the figures of each set, and of all sets as one."""
    return {
        "sets": {name: asdict(figures(one.lines, one.seconds)) for name, one in sets.items()},
        "pooled": pooled({name: (one.lines, one.seconds) for name, one in sets.items()}),
    }


def grouped(sets: Sets) -> dict[str, dict[str, Measured]]:
    """The sets by group, in the order of GROUPS."""
    parts = {
        group: {name: one for name, one in sets.items() if about(name).group == group}
        for group in GROUPS
    }
    return {group: part for group, part in parts.items() if part}


def summary(sets: Sets) -> dict[str, Any]:
    """The figures of a group: as one, and as means over its sets."""
    return summarized({name: (one.lines, one.seconds) for name, one in sets.items()})


def summarized(sets: Mapping[str, tuple[Sequence[Scored], float]]) -> dict[str, Any]:
    """The same of lines and seconds by set."""
    macro = macro_recall_at([lines for lines, _ in sets.values()], 0.01)
    return {**pooled(sets), "macro_recall_at_fpr_1": macro}


def by_engine(sets: Sets) -> dict[str, dict[str, Any]]:
    """For each engine, how many attacks and harmless texts it answered and would flag alone."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({name for one in sets.values() for name in one.engines}):
        answered, flagged = Counter[int](), Counter[int]()
        each = {}
        for place, one in sets.items():
            tally = one.engines[name]
            answered += tally.answered
            flagged += tally.flagged
            if tally.answered:
                each[place] = [tally.flagged[1], tally.answered[1]]
                each[place] += [tally.flagged[0], tally.answered[0]]
        found[name] = {
            "attacks": answered[1],
            "attacks_flagged": flagged[1],
            "harmless": answered[0],
            "harmless_flagged": flagged[0],
            "recall": share(flagged[1], answered[1]),
            "false_positive_rate": share(flagged[0], answered[0]),
            "sets": each,
        }
    return found


def set_rows(sets: Sets) -> list[dict[str, str]]:
    """A row for each set, then one for all that were given."""
    rows = [
        {"set": name, **_cells(asdict(figures(one.lines, one.seconds)))}
        for name, one in sets.items()
    ]
    if len(sets) > 1:
        every = published(sets)["pooled"]
        rows.append({"set": "pooled", **_cells({name: every[name] for name in _names(rows)})})
    return rows


def group_rows(sets: Sets) -> list[dict[str, str]]:
    """A row for each group of sets."""
    shown = (
        "n_attack", "n_benign", "macro_recall", "macro_false_positive_rate", "auroc",
        "recall_at_fpr_1", "recall_at_fpr_5", "macro_recall_at_fpr_1", "texts_per_second",
    )  # fmt: skip
    rows = []
    for group, part in grouped(sets).items():
        every = summary(part)
        rows.append({"group": GROUPS[group], **_cells({name: every[name] for name in shown})})
    return rows


def engine_rows(sets: Sets) -> list[dict[str, str]]:
    """A row for each engine that answered anything, and where it flags most."""
    rows = []
    for name, one in by_engine(sets).items():
        if not one["attacks"] and not one["harmless"]:
            continue
        rows.append(
            {
                "engine": name,
                "attacks_flagged": _part(one["attacks_flagged"], one["attacks"]),
                "harmless_flagged": _part(one["harmless_flagged"], one["harmless"]),
                "most_attacks_in": _most(one["sets"], 0),
                "most_harmless_in": _most(one["sets"], 2),
            }
        )
    return rows


def silences(sets: Sets) -> Iterator[str]:
    """A sentence for each engine that gave no answer where it could have read the input."""
    total = Counter[tuple[str, str, str]]()
    for one in sets.values():
        for name, tally in one.engines.items():
            for (outcome, reason), count in tally.silent.items():
                total[name, str(outcome), reason] += count
    for (name, ended, reason), count in sorted(total.items()):
        yield f"{name}: {ended} on {count} texts: {reason}"
    unexamined = sum(one.unexamined for one in sets.values())
    if unexamined:
        yield f"no engine examined {unexamined} texts; they count as not flagged"


def _names(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return [name for name in rows[0] if name != "set"]


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _cell(name, value) for name, value in row.items()}


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if name == "texts_per_second" else f"{value:.3f}"


def _part(part: int, whole: int) -> str:
    return f"{part} / {whole}" if whole else "-"


def _most(sets: Mapping[str, Sequence[int]], first: int) -> str:
    """The three sets of which it flags the largest share."""
    ranked = sorted(
        ((row[first] / row[first + 1], name, row) for name, row in sets.items() if row[first]),
        key=lambda one: (-one[0], one[1]),
    )
    return ", ".join(f"{name} {row[first]}/{row[first + 1]}" for _, name, row in ranked[:3])
