"""Times of day and year at which a route is silent, or alone speaks, as Alertmanager has them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from alerts.document import Block, items, mapping, text
from core.configfile import nearest, unknown_key
from core.errors import ConfigError

Range = tuple[int, int]

FIELDS = ("times", "weekdays", "days_of_month", "months", "years", "location")
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(
    name.lower()
    for name in (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    )
)
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_NUMBER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """All fields must fit; None fits always. Ranges include both ends, but `times`, minutes of the
    day, leave out their last."""

    times: tuple[Range, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: tzinfo | None = None

    def contains(self, now: datetime) -> bool:
        """Whether an aware moment lies within; without a location the clock is UTC's."""
        here = now.astimezone(self.location or ZoneInfo("UTC"))
        minute = here.hour * 60 + here.minute
        return (
            (self.times is None or any(a <= minute < b for a, b in self.times))
            and (self.days_of_month is None or any(_day(here, one) for one in self.days_of_month))
            and _within(self.months, here.month)
            and _within(self.weekdays, here.isoweekday() % 7)
            and _within(self.years, here.year)
        )


def _within(ranges: tuple[Range, ...] | None, value: int) -> bool:
    return ranges is None or any(begin <= value <= end for begin, end in ranges)


def _day(here: datetime, days: Range) -> bool:
    length = calendar.monthrange(here.year, here.month)[1]
    begin, end = (day if day > 0 else length + day + 1 for day in days)
    if begin > length:
        return False
    return max(begin, -length) <= here.day <= min(end, length)


NamedIntervals = Mapping[str, tuple[TimeInterval, ...]]


def named_intervals(document: Block) -> NamedIntervals:
    """`time_intervals`, and the older `mute_time_intervals`, by name. Raises ConfigError."""
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for key in ("mute_time_intervals", "time_intervals"):
        for entry in items(document.at(key), document.get(key)):
            block = mapping(document.at(key), entry)
            _known(block, ("name", "time_intervals"))
            name = text(block.at("name"), block.get("name"))
            if not name:
                raise ConfigError(f"{block.place}: name: missing; every time interval needs one")
            if name in found:
                raise ConfigError(f"{block.at('name')}: {name!r} is used twice; make it unique")
            inner = items(block.at("time_intervals"), block.get("time_intervals"))
            found[name] = tuple(
                time_interval(mapping(inner.at(index), one)) for index, one in enumerate(inner)
            )
    return MappingProxyType(found)


def _known(block: Block, known: tuple[str, ...]) -> None:
    for key in block:
        if key not in known:
            raise ConfigError(unknown_key(block.on(key), key, known))


def time_interval(block: Block) -> TimeInterval:
    """One interval from its mapping. Raises ConfigError naming the field."""
    _known(block, FIELDS)
    return TimeInterval(
        times=_times(block),
        weekdays=_ranges(block, "weekdays", _weekday),
        days_of_month=_ranges(block, "days_of_month", _number, _checked_days),
        months=_ranges(block, "months", _month),
        years=_ranges(block, "years", _number),
        location=_location(block),
    )


def _times(block: Block) -> tuple[Range, ...] | None:
    where = block.at("times")
    if block.get("times") is None:
        return None
    found = []
    for entry in items(where, block["times"]):
        one = mapping(where, entry)
        _known(one, ("start_time", "end_time"))
        start, end = (_minute(one, key) for key in ("start_time", "end_time"))
        if start >= end:
            raise ConfigError(f"{where}: start_time must be before end_time; split it at midnight")
        found.append((start, end))
    return tuple(found)


def _minute(block: Block, key: str) -> int:
    said = text(block.at(key), block.get(key))
    if not _CLOCK.fullmatch(said):
        hint = "write it as '09:00', in quotes"
        raise ConfigError(f"{block.at(key)}: {said!r} is not a time of day; {hint}")
    hours, minutes = said.split(":")
    return int(hours) * 60 + int(minutes)


def _ranges(
    block: Block,
    key: str,
    member: Callable[[str], int],
    check: Callable[[int, int], str] | None = None,
) -> tuple[Range, ...] | None:
    if block.get(key) is None:
        return None
    found = []
    for entry in items(block.at(key), block[key]):
        said = text(block.at(key), entry).lower()
        parts = said.split(":")
        try:
            if len(parts) > 2:
                raise ValueError(f"{said!r} is not a range; write first:last")
            begin, end = member(parts[0]), member(parts[-1])
        except ValueError as problem:
            raise ConfigError(f"{block.at(key)}: {problem}") from None
        fault = check(begin, end) if check else ""
        if fault or (begin > end and check is None):
            raise ConfigError(
                f"{block.at(key)}: {said!r}: {fault or 'the end is before the start'}"
            )
        found.append((begin, end))
    return tuple(found)


def _weekday(said: str) -> int:
    if said not in WEEKDAYS:
        raise ValueError(f"{said!r} is not a day of the week{nearest(said, WEEKDAYS)}")
    return WEEKDAYS.index(said)


def _month(said: str) -> int:
    if said in MONTHS:
        return MONTHS.index(said) + 1
    if _NUMBER.fullmatch(said):
        return int(said)
    raise ValueError(f"{said!r} is not a month{nearest(said, MONTHS)}")


def _number(said: str) -> int:
    if not _NUMBER.fullmatch(said):
        raise ValueError(f"{said!r} is not a whole number")
    return int(said)


def _checked_days(begin: int, end: int) -> str:
    if not all(day and -31 <= day <= 31 for day in (begin, end)):
        return "days go from 1 to 31, or from -1, the last, to -31"
    if begin < 0 < end:
        return "a range that starts from the end of the month must end there too"
    first, last = (day if day > 0 else 28 + day for day in (begin, end))
    return "the end is before the start" if first > last else ""


def _location(block: Block) -> tzinfo | None:
    where, name = block.at("location"), block.get("location")
    if name is None:
        return None
    said = text(where, name)
    if said in ("", "UTC"):
        return ZoneInfo("UTC")
    if said == "Local":
        return datetime.now().astimezone().tzinfo
    try:
        return ZoneInfo(said)
    except (ValueError, OSError, LookupError):
        hint = nearest(said, available_timezones())
        raise ConfigError(f"{where}: unknown time zone {said!r}{hint}") from None
