"""The charts of a report as PNG, drawn without a display.

They carry times and figures and no names, which may be in scripts that the font lacks.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.figures import ACTIONS, Bucket, Figures
from reports.wording import dollars, millis, short, whole

INCHES, DPI = (5.0, 1.75), 240
"""Shown 600 pixels wide or less: letters of 9 points are legible down to 320."""
INK, FAINT, GRID = "#3c4654", "#7a8594", "#e3e7ec"
CALLS, ERRORS, COST = "#3b6fb6", "#c4392f", "#5b8c5a"
PERCENTILES = {"p50": "#9dbbe0", "p95": "#3b6fb6", "p99": "#1d3557"}
COLOURS = {"allow": "#b9cfe6", "audit": "#8fb2d9", "warn": "#e0a030", "block": "#c4392f"}

_drawing = threading.Lock()
"""matplotlib's caches are not for several threads at once."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, and the sentence for who does not see it."""

    name: str
    title: str
    alt: str
    png: bytes


def charts(figures: Figures) -> tuple[Chart, ...]:
    """Those for which there is something to draw."""
    series, found = figures.series, []
    with _drawing:
        if any(one.calls for one in series):
            found.append(_traffic(figures, series))
        if any(one.p95_ms is not None for one in series):
            found.append(_latency(figures, series))
        if any(one.cost for one in series):
            found.append(_cost(figures, series))
        if any(sum(one.actions) for one in series):
            found.append(_verdicts(figures, series))
    return tuple(found)


def _traffic(figures: Figures, series: Sequence[Bucket]) -> Chart:
    figure, axes, places = _canvas(figures)
    good = [one.calls - one.errors for one in series]
    axes.bar(places, good, width=0.85, color=CALLS, label="succeeded")
    axes.bar(
        places,
        [one.errors for one in series],
        width=0.85,
        bottom=good,
        color=ERRORS,
        label="failed",
    )
    _finish(axes, short)
    peak = max(series, key=lambda one: one.calls)
    alt = (
        f"Calls over time: {whole(figures.total.now.calls)} in all,"
        f" {whole(figures.total.now.errors)} of them failed; the most at"
        f" {_at(figures, peak)}, {whole(peak.calls)}."
    )
    return Chart("calls", "Calls", alt, _png(figure))


def _latency(figures: Figures, series: Sequence[Bucket]) -> Chart:
    figure, axes, places = _canvas(figures)
    for name, colour in PERCENTILES.items():
        values = [getattr(one, f"{name}_ms") for one in series]
        line = [float("nan") if value is None else value for value in values]
        axes.plot(places, line, color=colour, linewidth=1.8, label=name, marker=".", markersize=3)
    axes.set_ylim(bottom=0)
    longest = max((one.p99_ms or 0.0 for one in series), default=0.0)
    _finish(axes, _seconds if longest >= 4000 else millis)
    peak = max(series, key=lambda one: one.p95_ms or 0.0)
    now = figures.total.now
    alt = (
        f"Latency over time: median {millis(now.p50_ms)}, p95 {millis(now.p95_ms)}, p99"
        f" {millis(now.p99_ms)}; p95 is highest at {_at(figures, peak)}, {millis(peak.p95_ms)}."
    )
    return Chart("latency", "Latency", alt, _png(figure))


def _cost(figures: Figures, series: Sequence[Bucket]) -> Chart:
    figure, axes, places = _canvas(figures)
    axes.bar(places, [one.cost for one in series], width=0.85, color=COST)
    _finish(axes, "${:g}".format)
    peak = max(series, key=lambda one: one.cost)
    alt = (
        f"Cost over time: {dollars(figures.total.now.cost)} in all; the most at"
        f" {_at(figures, peak)}, {dollars(peak.cost)}."
    )
    return Chart("cost", "Cost", alt, _png(figure))


def _verdicts(figures: Figures, series: Sequence[Bucket]) -> Chart:
    figure, axes, places = _canvas(figures)
    floor = [0] * len(series)
    for place, action in enumerate(ACTIONS):
        values = [one.actions[place] for one in series]
        axes.bar(places, values, width=0.85, bottom=floor, color=COLOURS[action], label=action)
        floor = [low + value for low, value in zip(floor, values, strict=True)]
    _finish(axes, short)
    told = ", ".join(f"{count.name} {whole(count.now)}" for count in figures.verdicts.actions)
    alt = f"Inputs judged over time, by action: {told}."
    return Chart("verdicts", "Inputs judged, by action", alt, _png(figure))


def _seconds(value: float) -> str:
    return f"{value / 1000:g} s"


def _at(figures: Figures, bucket: Bucket) -> str:
    local = figures.period.local(bucket.start)
    return f"{local:%A}, {local.day} {local:%B %H:%M}"


def _canvas(figures: Figures) -> tuple[Any, Any, range]:
    """A figure of its own, apart from pyplot's, which threads would share."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    places = range(len(figures.series))
    ticks = _ticks(figures)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xlim(-0.7, len(places) - 0.3)
    return figure, axes, places


def _ticks(figures: Figures) -> dict[int, str]:
    """At most seven labels: hours within two days, else days, on local clocks."""
    local = [figures.period.local(one.start) for one in figures.series]
    hours = figures.period.length.total_seconds() <= 2 * 86400
    if hours:
        step = max(1, -(-len(local) // 7))
        return {n: f"{at:%H:%M}" for n, at in enumerate(local) if n % step == 0}
    days = [n for n, at in enumerate(local) if not n or at.date() != local[n - 1].date()]
    step = max(1, -(-len(days) // 7))
    form = "%a" if figures.period.kind == "week" else "%b"
    return {n: f"{local[n].strftime(form)} {local[n].day}" for n in days[::step]}


def _finish(axes: Any, form: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.tick_params(axis="x", pad=5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    if len(labels := axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(labels),
            frameon=False,
            fontsize=9,
            labelcolor=INK,
            handlelength=1.0,
            columnspacing=1.2,
            borderaxespad=0.2,
        )


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
