"""Numbers as people read them."""

from __future__ import annotations

import math
from datetime import datetime

UNKNOWN = "–"


def change(now: float | None, before: float | None) -> str:
    """The change in percent, such as `+12 %`; `new` from nothing, empty where unknown."""
    if now is None or before is None:
        return ""
    if before == 0:
        return "new" if now else ""
    share = (now - before) / before * 100
    if abs(share) < 0.5:
        return "±0 %"
    if share >= 1000:
        return f"×{now / before:,.0f}"
    return f"{share:+.0f} %".replace("-", "−")


def whole(value: float | None) -> str:
    """A count with thousands apart, such as `1,234`."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """A count in at most four signs, such as `1.2 M`."""
    if value is None:
        return UNKNOWN
    for bound, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound:
            divisor = 1e3 if unit == "k" else bound
            scaled = value / divisor
            return f"{scaled:.0f} {unit}" if scaled >= 99.95 else f"{scaled:.1f} {unit}"
    return f"{value:,.0f}"


def dollars(value: float | None) -> str:
    """US dollars; small sums keep the digits that matter."""
    if value is None:
        return UNKNOWN
    if value == 0 or value >= 100:
        return f"${value:,.0f}"
    return f"${value:,.2f}" if value >= 0.1 else f"${value:.2g}"


def millis(value: float | None) -> str:
    """A latency of so many milliseconds."""
    if value is None:
        return UNKNOWN
    if value < 10:
        return f"{value:.2g} ms"
    return f"{value:,.0f} ms" if value < 10_000 else span(value / 1000)


def span(seconds: float | None) -> str:
    """A time such as `4 min` or `1 h 20 min`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours / 24:.1f} days"


def share(value: float | None) -> str:
    """A share of 0 to 1 in percent."""
    if value is None:
        return UNKNOWN
    percent = value * 100
    return f"{percent:.0f} %" if percent == 0 or percent >= 10 else f"{percent:.2g} %"


def number(value: float | None) -> str:
    """Any measured value, four digits."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def clock(moment: datetime) -> str:
    """A local moment such as `Tue 4 Nov 14:05`."""
    return f"{moment:%a} {moment.day} {moment:%b %H:%M}"
