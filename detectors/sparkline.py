"""A small picture of a metric, its band and the anomaly, as SVG text for mails and pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

INK, SHADE, ALARM = "#374151", "#dbeafe", "#dc2626"

Values = Sequence[float | None]


def sparkline(
    values: Values,
    low: Values = (),
    high: Values = (),
    odd: Sequence[bool] = (),
    *,
    title: str = "",
    width: int = 240,
    height: int = 48,
) -> str:
    """An SVG of `width` by `height` pixels: the line, its band, and red dots where it is odd.

    `low`, `high` and `odd` run beside `values`, oldest first, and may be shorter at the end; None
    is a gap. Any number is drawn, and any title is escaped. Without a value there is only a frame.
    """
    known = [each for each in (*values, *low, *high) if each is not None and math.isfinite(each)]
    bottom, top = (min(known), max(known)) if known else (0.0, 1.0)
    scale = _Scale(bottom, top, len(values), width, height)
    body = [f"<title>{escape(title)}</title>"] if title else []
    body += _band(scale, low, high)
    for run in _runs(values):
        line = " ".join(scale.at(place, values[place]) for place in run)
        body.append(f'<polyline points="{line}" fill="none" stroke="{INK}" stroke-width="1.5"/>')
    for place, marked in enumerate(odd[: len(values)]):
        if marked and _finite(values[place]):
            x, y = scale.at(place, values[place]).split(",")
            body.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{ALARM}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">{"".join(body)}</svg>'
    )


class _Scale:
    """Where a value is drawn; halves keep the distance of huge values finite."""

    def __init__(self, bottom: float, top: float, count: int, width: int, height: int) -> None:
        self._bottom, self._reach = bottom / 2, (top / 2 - bottom / 2) or 1.0
        self._step = (width - 6) / max(1, count - 1)
        self._height = height - 6

    def at(self, place: int, value: float | None) -> str:
        """Coordinates as SVG writes them."""
        share = ((value or 0.0) / 2 - self._bottom) / self._reach
        return f"{3 + place * self._step:.1f},{3 + (1 - share) * self._height:.1f}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _runs(values: Values) -> list[list[int]]:
    """Places of the values, cut where one is missing."""
    runs: list[list[int]] = [[]]
    for place, value in enumerate(values):
        if _finite(value):
            runs[-1].append(place)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _band(scale: _Scale, low: Values, high: Values) -> list[str]:
    shapes = []
    count = min(len(low), len(high))
    both = [low[n] if _finite(low[n]) and _finite(high[n]) else None for n in range(count)]
    for run in _runs(both):
        there = [scale.at(place, high[place]) for place in run]
        back = [scale.at(place, low[place]) for place in reversed(run)]
        shapes.append(f'<polygon points="{" ".join(there + back)}" fill="{SHADE}"/>')
    return shapes
