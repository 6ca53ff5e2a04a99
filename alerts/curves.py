"""The line of a metric around an anomaly: in words, in block letters, and as a picture."""

from __future__ import annotations

import functools
import io
import math
import threading
from collections.abc import Sequence
from typing import Any, Literal

from alerts.context import Curve

_BLOCKS = "▁▂▃▄▅▆▇█"
_DRAWING = threading.Lock()
"""matplotlib's fonts are shared by all threads."""
SHOWN = 32
"""Windows in a line of block letters, the newest ones."""


def number(value: float) -> str:
    """At most four significant digits, never as a power of ten: `9000`, `0.0213`, `1,250,000`."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if value == 0 or abs(value) >= 0.001 else f"{value:.6f}"


def words(curve: Curve) -> str:
    """One line such as `latency_ms ▁▁▂█ 9,000 ms, usually 410 ms (ordinary 200 to 650)`."""
    unit = f" {curve.unit}" if curve.unit else ""
    said = f"{curve.metric} {blocks(curve)} {number(curve.value)}{unit}".replace("  ", " ")
    if curve.baseline is not None:
        said += f", usually {number(curve.baseline)}{unit}"
    if curve.band is not None:
        said += f" (ordinary {number(curve.band[0])} to {number(curve.band[1])})"
    if curve.bound is not None:
        said += f", limit {number(curve.bound)}{unit}"
    return said


def blocks(curve: Curve) -> str:
    """The newest points as block letters; nothing for fewer than two."""
    values = [value for _, value in curve.points][-SHOWN:]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    steps = len(_BLOCKS) - 1
    scale = steps / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((value - low) * scale)] for value in values)


@functools.lru_cache(maxsize=64)
def picture(curve: Curve, kind: Literal["png", "svg"] = "png") -> bytes:
    """The metric, its band or limit, and the anomaly's windows in red; 560 × 140 points.

    The same curve gives the same bytes. matplotlib is loaded with the first picture.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    locator: Any = AutoDateLocator
    formatter: Any = ConciseDateFormatter
    steady: dict[Any, Any] = {"svg.hashsalt": "sentinel", "svg.fonttype": "path", "font.size": 8}
    with _DRAWING, rc_context(steady):
        figure = Figure(figsize=(7, 1.75), dpi=160, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, curve)
        dates: Any = locator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(dates)
        axes.xaxis.set_major_formatter(formatter(dates, show_offset=False))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{curve.metric} ({curve.unit})" if curve.unit else curve.metric, loc="left")
        axes.margins(x=0.01)
        held = io.BytesIO()
        stamp = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(held, format=kind, metadata=stamp)
    return held.getvalue()


def _draw(axes: Any, curve: Curve) -> None:
    half = curve.window / 2
    times = [start + half for start, _ in curve.points]
    values = [value for _, value in curve.points]
    if curve.band is not None:
        axes.axhspan(*curve.band, color="#2e7d32", alpha=0.12, lw=0, label="ordinary")
    if curve.baseline is not None:
        axes.axhline(curve.baseline, color="#2e7d32", lw=0.9, ls="--", label="usual")
    if curve.bound is not None:
        axes.axhline(curve.bound, color="#8a5a00", lw=0.9, ls="--", label="limit")
    axes.plot(times, values, color="#33507a", lw=1.3, marker="o", ms=2)
    odd = _odd(curve, values)
    axes.plot(
        [times[place] for place in odd],
        [values[place] for place in odd],
        color="#b3261e",
        lw=1.6,
        marker="o",
        ms=4.5,
        label="anomaly",
    )
    axes.legend(loc="upper left", fontsize=7, frameon=False, ncols=4)
    top = max([*values, curve.value, curve.bound or 0.0, *(curve.band or ())])
    bottom = min(0.0, *values)
    axes.set_ylim(bottom, top + (top - bottom or 1.0) * 0.28)


def _odd(curve: Curve, values: Sequence[float]) -> list[int]:
    """The places of the anomaly's windows; at least the newest."""
    last = len(values) - 1
    return [
        place
        for place, (start, _) in enumerate(curve.points)
        if place == last or start + curve.window > curve.begun
    ]
