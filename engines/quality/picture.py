"""Draws the scores: how attacks and harmless texts are spread, and what a threshold trades."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.analysis import Thresholds
from core.errors import ConfigError
from engines.quality.figures import Scored, auroc, recall_at, risks, roc, share

BINS = 25
ATTACK, HARMLESS, LINE = "#c0392b", "#1f6fb2", "#555555"
LEAST_RATE = 0.001


def demand() -> None:
    """Refuse before the run, not after it. Raises ConfigError naming what to install."""
    if not importlib.util.find_spec("matplotlib"):
        raise ConfigError("--write needs matplotlib: pip install 'sentinel-farm[bench]'")


def draw(lines: Sequence[Scored], thresholds: Thresholds, file: Path) -> None:
    """Two panels into an SVG that is the same for the same scores."""
    mpl: Any = importlib.import_module("matplotlib")
    mpl.use("agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "quality",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with pyplot.rc_context(style):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        _histograms(left, lines, thresholds)
        _curve(right, lines)
        figure.savefig(file, metadata={"Date": None})
        pyplot.close(figure)


def _histograms(axes: Any, lines: Sequence[Scored], thresholds: Thresholds) -> None:
    """On a logarithmic axis, because most of both sides lies at the ends."""
    attacks, harmless = risks(lines)
    edges = [place / BINS for place in range(BINS + 1)]
    for scores, name, color in ((harmless, "harmless", HARMLESS), (attacks, "attacks", ATTACK)):
        if scores:
            weights = [100 / len(scores)] * len(scores)
            label = f"{name} ({len(scores):,})"
            axes.hist(scores, edges, weights=weights, color=color, alpha=0.3)
            axes.hist(scores, edges, weights=weights, color=color, lw=1.4, label=label,
                      histtype="step")  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    axes.set_xlim(0, 1)
    for name in ("audit", "warn", "block"):
        place = getattr(thresholds, name)
        axes.axvline(place, color=LINE, lw=0.8, ls=":")
        axes.text(place, 1.01, name, transform=axes.get_xaxis_transform(), ha="center",
                  va="bottom", color=LINE, fontsize=8)  # fmt: skip
    axes.set_xlabel("risk score")
    axes.set_ylabel("% of the texts of that label")
    if attacks or harmless:
        axes.legend(framealpha=0.9, edgecolor="none", loc="upper center")


def _curve(axes: Any, lines: Sequence[Scored]) -> None:
    """The rate of false positives is logarithmic, because a user lives at its left end."""
    attacks, harmless = risks(lines)
    axes.set_xscale("log")
    axes.set_xlim(LEAST_RATE, 1)
    axes.xaxis.set_major_formatter(lambda value, _place: f"{100 * value:g} %")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.25)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("recall")
    if not attacks or not harmless:
        axes.text(0.5, 0.5, "needs texts of both labels", transform=axes.transAxes, ha="center")
        return
    points = [(max(wrong, LEAST_RATE), right) for wrong, right in roc(attacks, harmless)]
    axes.plot(*zip(*points, strict=True), color=ATTACK, lw=1.6, drawstyle="steps-post",
              label=f"AUROC {auroc(attacks, harmless):.3f}")  # fmt: skip
    chance = [LEAST_RATE * 1000 ** (step / 50) for step in range(51)]
    axes.plot(chance, chance, color=LINE, lw=0.8, ls=":", label="chance")
    for rate in (0.01, 0.05):
        reached = recall_at(attacks, harmless, rate) or 0.0
        axes.plot(rate, reached, "o", ms=4, color=LINE)
        axes.annotate(f"{reached:.2f} at {rate:.0%}", (rate, reached), xytext=(6, -11),
                      textcoords="offset points", fontsize=8, color=LINE)  # fmt: skip
    wrong = share(sum(line.flagged for line in lines if not line.label), len(harmless)) or 0.0
    right = share(sum(line.flagged for line in lines if line.label), len(attacks)) or 0.0
    axes.plot(max(wrong, LEAST_RATE), right, "D", ms=6, color=HARMLESS,
              label=f"as shipped: {right:.2f} at {wrong:.1%}")  # fmt: skip
    axes.legend(framealpha=0.9, edgecolor="none", loc="lower right")
