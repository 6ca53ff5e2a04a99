"""Durations as Prometheus writes them: `30s`, `1h30m`, `7d`."""

from __future__ import annotations

import re

from alerts.document import Text
from core.configfile import parse_duration
from core.errors import ConfigError

LONGEST = (2**63 - 1) / 1e9
"""Longest duration, in seconds: Alertmanager's, some 292 years."""

_DURATION = re.compile(
    r"(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?|0"
)


def duration(where: str, value: object) -> float:
    """Seconds. Raises ConfigError naming the place."""
    if not isinstance(value, Text) or not value or not _DURATION.fullmatch(value):
        shown = str(value) if isinstance(value, Text) else value
        raise ConfigError(f"{where}: {shown!r} is not a duration; write 30s, 5m, 1h30m or 7d")
    seconds = 0.0 if value == "0" else parse_duration(str(value))
    if seconds > LONGEST:
        raise ConfigError(f"{where}: must not be longer than 292 years")
    return seconds


def span(seconds: float) -> str:
    """Seconds as an operator writes them: `15m`, `1h30m`."""
    rest, parts = round(seconds, 3), ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        parts += f"{count:.0f}{unit}" if count else ""
    return parts + (f"{rest:g}s" if rest or not parts else "")
