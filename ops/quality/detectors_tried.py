"""What was tried on the ensemble, for docs/detectors.md: what helped, by how much, and what not."""

from __future__ import annotations

from collections.abc import Sequence

STEPS: Sequence[tuple[str, str, str]] = (
    ("without the three changes", "72.3", "69.3"),
    ("a full vote from 0.05 widths beyond the band, not 0.1", "73.1", "71.9"),
    ("score smoothed over two windows", "73.6", "70.8"),
    ("taken off what was reached at this half hour on both of the last two days", "73.3", "69.8"),
    ("all three", "75.0", "74.7"),
    ("all three, full vote from 0.02 widths", "74.8", "73.9"),
    ("all three, smoothed over three windows", "74.5", "74.0"),
)
"""A change alone or together: standard score, and with the category left out."""


def tried() -> list[str]:
    """The section, as Markdown."""
    return [
        "### What was settled on these series",
        "",
        "Three changes of the ensemble were settled last, looking at these series:",
        "",
        "| | standard | category left out |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {standard} | {outside} |" for name, standard, outside in STEPS),
        "",
        "*Category left out* flatters them, because only the threshold is chosen without the"
        " category. With the width of a full vote, the smoothing, the daily rule and the share of"
        " the repeat rule chosen on the other categories too, among 270 combinations, it is 70.9"
        " to 72.7, by how far the curve over thresholds is smoothed; before the changes, with the"
        " threshold alone chosen so, 68.8 to 71.6. That is the gain to expect elsewhere.",
        "",
        "The ensemble on the clean traffic below, four metrics each plain and logarithmic, at three"
        " kinds of traffic: 0.17 % of the windows out of the ordinary, before 0.42 %. Latency times"
        " 4 and cost times 10 are found within two windows in all of 180 tries.",
        "",
        "Tried, no help, by the change of the standard score where it was tried: statistics of the"
        " logarithm (-0.8 to -1.9), residuals in deviations (-1.3), CUSUM sums (-0.2), gaps in the"
        " timestamps (-0.1), longer spans (-1.1), all of these and more at once (-3.7), one vote a"
        " family of statistics (-1.8), edges at 2 % (-2.7) or 0.5 % (-1.0) or the mean of three"
        " (-0.7), votes that grow with the logarithm of the distance (-2.3), another quantile of"
        " its own votes (-0.6 to -2.3), a silence that grows by a tenth with each alert (-2.8), the"
        " rise of the score in place of its height (-2.8). A threshold that goes up after each"
        " alert and fades gains nothing once the score is smoothed; the plain step as a further"
        " statistic neither gains nor loses.",
        "",
    ]
