"""The span that a report is about, on the calendar of a time zone."""

from __future__ import annotations

import functools
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.configfile import parse_duration
from core.errors import BadInput, ConfigError

CALENDAR = ("day", "week", "month")
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
MOST_BUCKETS = 48
_STEPS = (60, 300, 900, 3600, 6 * 3600)
_DAY_STEPS = (1, 7, 30)


@functools.cache
def zones() -> frozenset[str]:
    """The names of every time zone that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to but without `end`, both UTC and whole minutes; days and labels are those
    of `zone`.

    `kind` is day, week or month, or a duration such as `6h`.
    """

    start: datetime
    end: datetime
    kind: str
    zone: str = "UTC"

    @property
    def before(self) -> Period:
        """The one just before it, of the same kind."""
        if self.kind in CALENDAR:
            return last_complete(self.kind, self.start, self.zone)
        return Period(self.start - self.length, self.start, self.kind, self.zone)

    @property
    def length(self) -> timedelta:
        """How long it is; a local day may have 23 or 25 hours."""
        return self.end - self.start

    @property
    def label(self) -> str:
        """Such as `3 to 9 November 2026`."""
        first, last = self.local(self.start), self.local(self.end)
        if first.time() != time() or last.time() != time():
            return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        last -= timedelta(days=1)
        if first.date() == last.date():
            return f"{first:%A}, {_day(first)} {first:%B %Y}"
        if (first.day, (last + timedelta(days=1)).day) == (1, 1) and first.month == last.month:
            return f"{first:%B %Y}"
        start = f"{_day(first)} {first:%B %Y}"
        if first.year == last.year:
            start = _day(first) if first.month == last.month else f"{_day(first)} {first:%B}"
        return f"{start} to {_day(last)} {last:%B %Y}"

    @property
    def word(self) -> str:
        """What the one before is called: `week` in `the week before`."""
        return self.kind if self.kind in CALENDAR else "period"

    def local(self, moment: datetime) -> datetime:
        """A moment on the clocks of the zone."""
        return moment.astimezone(ZoneInfo(self.zone))

    def edges(self) -> tuple[datetime, ...]:
        """Where its buckets begin, for a chart: at most MOST_BUCKETS of them, whole hours or days
        on the local calendar. The first is `start`."""
        seconds = self.length.total_seconds()
        for step in _STEPS:
            if seconds / step <= MOST_BUCKETS - 2:
                count = -(-int(seconds) // step)
                return tuple(self.start + timedelta(seconds=step * n) for n in range(count))
        days = next(step for step in _DAY_STEPS if seconds / 86400 / step <= MOST_BUCKETS - 2)
        found, at = [self.start], self.start
        while (at := _midnight(self.local(at).date() + timedelta(days=days), self.zone)) < self.end:
            found.append(at)
        return tuple(found)


def last_complete(kind: str, at: datetime, zone: str) -> Period:
    """The newest period of this kind that was over at `at`.

    Raises BadInput for a kind that is neither day, week, month nor a duration.
    """
    here = at.astimezone(ZoneInfo(zone)).date()
    if kind == "day":
        return _dates(here - timedelta(days=1), here, kind, zone)
    if kind == "week":
        monday = here - timedelta(days=here.weekday())
        return _dates(monday - timedelta(days=7), monday, kind, zone)
    if kind == "month":
        first = here.replace(day=1)
        return _dates((first - timedelta(days=1)).replace(day=1), first, kind, zone)
    end = _minute(at.astimezone(UTC))
    return Period(end - duration(kind), end, kind, zone)


def between(start: datetime, end: datetime, zone: str = "UTC") -> Period:
    """The span that somebody named, widened to whole minutes. Raises BadInput where it is empty,
    reversed or too long."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if not SHORTEST <= last - first <= LONGEST:
        raise BadInput("must lie a minute to 366 days after `start`", field="end")
    whole = _minute(last)
    if whole < last:
        whole += timedelta(minutes=1)
    return Period(_minute(first), whole, "span", zone)


def duration(text: str) -> timedelta:
    """A length such as `6h`. Raises BadInput for what is neither that nor a calendar word."""
    try:
        length = timedelta(seconds=parse_duration(text))
    except (ConfigError, OverflowError):
        raise BadInput(
            f"{text!r} is no period; write day, week, month, or a duration such as 6h or 14d",
            field="period",
        ) from None
    if not SHORTEST <= length <= LONGEST:
        raise BadInput(f"{text!r} must be from 1m to 366d", field="period")
    return length


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _day(moment: datetime) -> str:
    return str(moment.day)


def _dates(first: date, after: date, kind: str, zone: str) -> Period:
    return Period(_midnight(first, zone), _midnight(after, zone), kind, zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
