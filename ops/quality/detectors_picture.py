"""A labelled series, its alerts and the score of a detector, as one SVG."""

from __future__ import annotations

import itertools
from html import escape

import numpy as np
from numpy.typing import NDArray

from detectors.damping import DAMPING, told
from detectors.nab.corpus import Recording

Floats = NDArray[np.float64]

WIDTH, LEFT = 900, 10
COLUMNS = WIDTH - 2 * LEFT
TOP, SERIES, GAP, SCORE = 24, 110, 8, 50
HEIGHT = TOP + SERIES + GAP + SCORE + 10
GREY, BLUE, RED, PALE = "#4b5563", "#bfdbfe", "#dc2626", "#f3f4f6"


def picture(recording: Recording, scores: Floats, threshold: float) -> str:
    """Series with windows and alerts above, score and threshold below."""
    rows = len(recording.values)
    alerts = told(DAMPING, scores, threshold, recording.probation)
    floor, bottom = TOP + SERIES, TOP + SERIES + GAP + SCORE

    def across(row: int) -> float:
        return LEFT + COLUMNS * row / max(1, rows - 1)

    body = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-family="sans-serif" font-size="12" fill="{GREY}">'
        f"{escape(recording.name)}</text>",
        _box(LEFT, across(recording.probation), TOP, bottom, PALE),
    ]
    for first, last in recording.windows:
        body.append(_box(across(first), across(last), TOP, bottom, BLUE))
    for row in alerts:
        x = across(row)
        body.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}" stroke="{RED}"'
            ' stroke-width="1" stroke-dasharray="3 2"/>'
        )
    body.append(_line(recording.values, TOP, floor, None))
    body.append(_line(scores, floor + GAP, bottom, float(max(scores.max(), threshold) or 1.0)))
    level = bottom - SCORE * threshold / max(float(scores.max()), threshold, 1e-9)
    body.append(
        f'<line x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{level:.1f}" y2="{level:.1f}"'
        f' stroke="{RED}" stroke-width="0.7"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}">\n' + "\n".join(body) + "\n</svg>\n"
    )


def _box(left: float, right: float, top: float, bottom: float, fill: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{max(1.0, right - left):.1f}"'
        f' height="{bottom - top}" fill="{fill}"/>'
    )


def _line(values: Floats, top: float, bottom: float, most: float | None) -> str:
    """The least and the most of each column of pixels, so that no spike is lost."""
    known = np.nan_to_num(values)
    low, high = (0.0, most) if most is not None else (float(known.min()), float(known.max()))
    reach = (high - low) or 1.0
    points = []
    columns = min(COLUMNS, len(known))
    edges = np.linspace(0, len(known), columns + 1).astype(int)
    for left, right in itertools.pairwise(edges):
        x = LEFT + COLUMNS * float(left) / max(1, len(known) - 1)
        piece = known[left:right]
        for value in dict.fromkeys((float(piece.min()), float(piece.max()))):
            points.append(f"{x:.0f},{bottom - (bottom - top) * (value - low) / reach:.1f}")
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{GREY}" stroke-width="0.8"/>'
