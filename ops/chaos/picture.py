"""Draws a run: messages that wait, guard latency and refusals over time, strikes as lines.

    python -m ops.chaos.picture FILE.json FILE.svg|png

draws once more what `--json` has kept.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INCH_PER_STRIKE = 0.22
LEAST_WIDTH, HEIGHT = 13.0, 9.0
LABEL_POINTS = 7.0
BUCKET_SECONDS = 5.0
TARGETS = {
    "CPU": ("CPU workers", "#c0392b"),
    "Valkey": ("Valkey", "#8e44ad"),
    "PostgreSQL": ("PostgreSQL", "#1f6fb2"),
    "": ("other processes", "#7f8c8d"),
}
"""A word of a strike's name, and how strikes with it are drawn; the first that fits counts."""
SHOWN_QUEUES = {
    "cpu": ("queue cpu", "#e67e22"),
    "cpu-batch": ("queue cpu-batch", "#2c7a3f"),
    "io": ("queue io", "#16a2a8"),
    "control": ("queue control", "#b8a000"),
}


def demand() -> None:
    """Refuse before the run, not after it. Raises SystemExit naming what to install."""
    if not importlib.util.find_spec("matplotlib"):
        raise SystemExit("--graph needs matplotlib: pip install 'sentinel-farm[bench]'")


def draw(told: Mapping[str, Any], file: Path) -> None:
    """Draw what `report.story` tells into a file, whose suffix says how."""
    demand()
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    strikes = told["log"]
    width = max(LEAST_WIDTH, INCH_PER_STRIKE * len(strikes) + 2)
    with pyplot.rc_context({"svg.fonttype": "none", "font.size": 9}):
        figure, (top, depth, latency, refused) = pyplot.subplots(
            4,
            1,
            figsize=(width, HEIGHT),
            sharex=True,
            layout="constrained",
            gridspec_kw={"height_ratios": [2.1, 4, 4, 1.5], "hspace": 0.02},
        )
        end = max([one["at"] for one in (*told["samples"], *strikes)], default=1.0)
        top.set_xlim(0, end)
        _depth(depth, told["samples"])
        _latency(latency, told["guards"])
        _refusals(refused, told["refusals"], end)
        for axes in (depth, latency, refused):
            for strike in strikes:
                axes.axvline(strike["at"], color=_target(strike["name"])[1], lw=0.7, alpha=0.55)
            axes.grid(axis="y", alpha=0.25)
        _labels(top, strikes, end, end / (width - 1.5) * LABEL_POINTS * 1.45 / 72)
        refused.set_xlabel("seconds since the load began")
        figure.suptitle(told["title"])
        figure.savefig(file, dpi=110)
        pyplot.close(figure)


def _depth(axes: Any, samples: Sequence[Mapping[str, Any]]) -> None:
    moments = [one["at"] for one in samples]
    for queue, (label, color) in SHOWN_QUEUES.items():
        depths = [_number(one["waiting"], queue) for one in samples]
        axes.plot(moments, depths, label=label, color=color, lw=1.2)
    runs = [_number(one["open_runs"], "queued", "running") for one in samples]
    axes.plot(moments, runs, label="open runs in PostgreSQL", color="black", lw=1, ls="--")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(0, 5 * max(axes.get_ylim()[1], 10))
    axes.set_ylabel("messages that wait,\nopen runs (linear to 10)")
    axes.legend(loc="upper left", fontsize=8, ncols=5, framealpha=0.85)


def _number(counts: Mapping[str, int] | None, *names: str) -> float:
    """A gap in the line where the store did not answer."""
    return float("nan") if counts is None else float(sum(counts.get(name, 0) for name in names))


def _latency(axes: Any, guards: Sequence[Sequence[float]]) -> None:
    moments, spent = [one[0] for one in guards], [1000 * one[1] for one in guards]
    axes.scatter(
        moments, spent, s=5, color="#34495e", alpha=0.5, label="guard call", lw=0, rasterized=True
    )
    axes.set_yscale("log")
    axes.margins(y=0.15)
    axes.set_ylabel("guard latency, ms")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.85)


def _refusals(axes: Any, refusals: Sequence[Sequence[Any]], end: float) -> None:
    counts = Counter(int(at // BUCKET_SECONDS) for at, _ in refusals)
    buckets = range(int(end // BUCKET_SECONDS) + 1)
    axes.bar(
        [(bucket + 0.5) * BUCKET_SECONDS for bucket in buckets],
        [counts[bucket] for bucket in buckets],
        width=BUCKET_SECONDS * 0.9,
        color="#d9822b",
    )
    axes.set_ylabel(f"refusals\nin {BUCKET_SECONDS:.0f} s")


def _labels(axes: Any, strikes: Sequence[Mapping[str, Any]], end: float, gap: float) -> None:
    """The names above the lines, apart from one another, each tied to its moment."""
    axes.set_ylim(0, 1)
    axes.axis("off")
    for strike, place in zip(strikes, apart([one["at"] for one in strikes], gap, end), strict=True):
        color = _target(strike["name"])[1]
        axes.plot([strike["at"], place], [0, 0.14], color=color, lw=0.7, clip_on=False)
        axes.text(
            place, 0.16, strike["name"],
            rotation=90, ha="center", va="bottom", fontsize=LABEL_POINTS, color=color,
        )  # fmt: skip


def apart(moments: Sequence[float], gap: float, end: float) -> list[float]:
    """Places in the same order, each at least `gap` from the next, close to the moments."""
    places: list[float] = []
    for moment in moments:
        places.append(max(moment, places[-1] + gap) if places else moment)
    limit = end
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - gap
    return places


def _target(name: str) -> tuple[str, str]:
    return next(drawn for word, drawn in TARGETS.items() if word in name)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
