"""NAB's windowed Gaussian detector, rebuilt from its description, to check the scorer against.

The score of a value is one less the tail of a normal distribution with the mean and spread of the
6,400 rows before, renewed every 100 rows.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.nab.corpus import Recording

Floats = NDArray[np.float64]

WINDOW, STEP = 6400, 100


def windowed_gaussian(recording: Recording) -> Floats:
    """The score of each row, 0.5 to 1; 0 for the first."""
    values = recording.values
    rows = np.arange(len(values))
    end = np.where(rows <= WINDOW, rows, WINDOW + (rows - WINDOW) // STEP * STEP)
    begin = np.maximum(0, end - WINDOW)
    count = np.maximum(1, end - begin)
    sums, squares = (np.concatenate([[0.0], np.cumsum(values**power)]) for power in (1, 2))
    mean = (sums[end] - sums[begin]) / count
    spread = np.sqrt(np.maximum(0.0, (squares[end] - squares[begin]) / count - mean**2))
    away = np.abs(values - mean) / np.where(spread > 0, spread, 1e-6)
    tails = np.array([0.5 * math.erfc(each / math.sqrt(2)) for each in away])
    scores = 1 - tails
    scores[:1] = 0.0
    return np.asarray(scores, dtype=np.float64)
