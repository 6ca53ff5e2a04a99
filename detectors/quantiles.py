"""Running quantiles in constant memory: the P² algorithm of Jain and Chlamtac (1985), on arrays.

A tracker is five heights and five positions; any shape of trackers is updated in one call. `share`
is the quantile, one for all trackers or an array that broadcasts to their shape.
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIZE = 10
"""Floats per tracker: five heights, then five positions."""

_PLACES = np.arange(5.0)


def start(shape: tuple[int, ...]) -> Floats:
    """Trackers that have seen nothing: (*shape, SIZE)."""
    fresh = np.empty((*shape, SIZE))
    fresh[..., :5] = np.inf
    fresh[..., 5:] = _PLACES
    return fresh


def read(trackers: Floats, seen: int, share: float | Floats) -> Floats:
    """The quantile `share` of the `seen` values so far; 0 before the first."""
    if seen == 0:
        return np.zeros(trackers.shape[:-1])
    if seen < 5:
        return np.where(np.asarray(share) > 0.5, trackers[..., seen - 1], trackers[..., 0])
    return trackers[..., 2]


def add(trackers: Floats, seen: int, share: float | Floats, values: Floats) -> None:
    """Take in one value per tracker, in place; `seen` is how many each had before."""
    heights, places = trackers[..., :5], trackers[..., 5:]
    if seen < 5:
        heights[..., seen] = values
        heights.sort(axis=-1)
        return
    np.minimum(heights[..., 0], values, out=heights[..., 0])
    np.maximum(heights[..., 4], values, out=heights[..., 4])
    below = values[..., None] < heights[..., 1:4]
    places[..., 1:4] += below
    places[..., 4] += 1
    for marker, wanted in ((1, share / 2), (2, share), (3, (1 + share) / 2)):
        _move(heights, places, marker, seen * wanted)


def _move(heights: Floats, places: Floats, marker: int, wanted: float | Floats) -> None:
    before, here, after = (places[..., marker + step] for step in (-1, 0, 1))
    off = wanted - here
    right = (off >= 1) & (after - here > 1)
    left = (off <= -1) & (here - before > 1)
    if not (right.any() or left.any()):
        return
    step = right.astype(np.float64) - left
    low, middle, high = (heights[..., marker + by] for by in (-1, 0, 1))
    rise, fall = (high - middle) / (after - here), (middle - low) / (here - before)
    bent = middle + step / (after - before) * (
        (here - before + step) * rise + (after - here - step) * fall
    )
    straight = middle + step * np.where(right, rise, fall)
    inside = (bent > low) & (bent < high)
    moved = np.where(inside, bent, straight)
    heights[..., marker] = np.where(step != 0, moved, middle)
    places[..., marker] = here + step


def packed(array: Floats) -> str:
    """An array as text for JSON, to the last bit."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode()


def unpacked(text: str, shape: tuple[int, ...]) -> Floats:
    """The array of that shape that `packed` made the text of, free to be changed."""
    return np.frombuffer(base64.b64decode(text), dtype="<f8").reshape(shape).astype(np.float64)
