"""A schedule: when a report is due, what it is about, who gets it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from core.errors import BadInput
from reports.period import CALENDAR, Period, duration, last_complete, zones

MAIL = "email"
PAGERS = frozenset({"pagerduty"})
"""Types of receivers that would wake somebody for a report."""
MAX_NAMES = 100
MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Schedule:
    """One report that comes again and again.

    `cron` has five fields, on the clocks of `timezone`. `period` is day, week, month or a duration;
    no `applications` means all. `receivers` are names of alerts.yaml or plain mail addresses, to
    which the mail server of the receiver `mail_by` carries the mail.
    """

    name: str
    cron: str
    timezone: str = "UTC"
    period: str = "week"
    applications: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    mail_by: str | None = None
    title: str = ""
    enabled: bool = True

    def due(self, now: datetime) -> datetime | None:
        """The newest moment that is not after `now` and on which a report is due, UTC; None where
        there was none in fifty years."""
        floor = now.astimezone(ZoneInfo(self.timezone)).replace(microsecond=0)
        past = CronSim(self.cron, floor + timedelta(seconds=1), reverse=True)
        found = next(past, None)
        return None if found is None else found.astimezone(UTC)

    def next(self, now: datetime) -> datetime:
        """The first moment after `now` on which a report is due, UTC."""
        return next(CronSim(self.cron, now.astimezone(ZoneInfo(self.timezone)))).astimezone(UTC)

    def period_at(self, due: datetime) -> Period:
        """The period that the report due at this moment is about."""
        return last_complete(self.period, due, self.timezone)

    @property
    def timing(self) -> tuple[str, str, str]:
        """What decides which reports are due."""
        return (self.cron, self.timezone, self.period)

    def body(self) -> dict[str, Any]:
        """As `parse` takes it."""
        kept = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}


KEYS = tuple(field.name for field in fields(Schedule))


def parse(raw: Mapping[str, Any]) -> Schedule:
    """A checked schedule. Raises BadInput whose `field` names the key at fault.

    Whether the receivers exist is asked by `demand_receivers`.
    """
    demand_known(raw, KEYS)
    name, cron = _word(raw, "name"), _word(raw, "cron")
    if name is None:
        raise BadInput("missing; every schedule needs a name", field="name")
    if not name.isprintable() or "/" in name:
        raise BadInput("must be printable and hold no slash", field="name")
    if cron is None:
        raise BadInput("missing; write five fields such as '0 8 * * MON'", field="cron")
    zone = demand_zone(_word(raw, "timezone") or "UTC")
    _demand_cron(cron, zone)
    enabled = raw.get("enabled", True)
    if not isinstance(enabled, bool):
        raise BadInput("must be true or false", field="enabled")
    return Schedule(
        name=name,
        cron=cron,
        timezone=zone,
        period=demand_period(_word(raw, "period") or "week"),
        applications=words(raw, "applications"),
        receivers=words(raw, "receivers"),
        mail_by=_word(raw, "mail_by"),
        title=_word(raw, "title") or "",
        enabled=enabled,
    )


def demand_known(raw: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises BadInput for the first unknown key, with the nearest known one."""
    names = list(known)
    for key in raw:
        if key not in names:
            hint = nearest(str(key), names)
            raise BadInput(f"unknown key {key!r}{hint}", field=str(key))


def demand_zone(name: str) -> str:
    """The zone, which must exist. Raises BadInput with the nearest one."""
    if name not in zones():
        hint = nearest(name, zones()) or "; write one such as Europe/Berlin"
        raise BadInput(f"there is no time zone {name!r}{hint}", field="timezone")
    return name


def demand_period(kind: str) -> str:
    """The period, which must be day, week, month or a duration. Raises BadInput."""
    if kind not in CALENDAR:
        if hint := "" if kind[:1].isdigit() else nearest(kind, CALENDAR):
            raise BadInput(
                f"there is no period {kind!r}{hint} Or write a duration such as 6h",
                field="period",
            )
        duration(kind)
    return kind


def demand_receivers(
    receivers: Iterable[str], mail_by: str | None, known: Mapping[str, str]
) -> None:
    """Raises BadInput for a receiver that is no address and none of `known`, its type by name.

    Addresses need one of type email whose mail server carries the mail.
    """
    for name in receivers:
        if "@" in name:
            _demand_address(name)
            carrier(mail_by, known)
        elif name not in known:
            raise BadInput(
                f"alerts.yaml names no receiver {name!r}"
                f"{nearest(name, known) or '; write one of its names, or a mail address'}",
                field="receivers",
            )
        elif known[name] in PAGERS:
            raise BadInput(
                f"{name!r} is a pager, and a report wakes nobody; name another receiver",
                field="receivers",
            )
    if mail_by is not None:
        carrier(mail_by, known)


def carrier(mail_by: str | None, known: Mapping[str, str]) -> str:
    """The receiver of type email whose server carries mail to plain addresses: the one named, else
    the first of alerts.yaml. Raises BadInput where there is none."""
    mailers = [name for name, kind in known.items() if kind == MAIL]
    if mail_by is None and mailers:
        return mailers[0]
    if mail_by in mailers:
        return str(mail_by)
    if mail_by is None:
        raise BadInput(
            "no receiver of type email in alerts.yaml could carry mail to an address; add one",
            field="receivers",
        )
    hint = nearest(mail_by, mailers)
    raise BadInput(f"alerts.yaml has no receiver {mail_by!r} of type email{hint}", field="mail_by")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else ""


def words(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of distinct short texts; one text is a list of one. Raises BadInput."""
    given = raw.get(key)
    if given is None:
        return ()
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or len(listed) > MAX_NAMES:
        raise BadInput(f"must be a list of at most {MAX_NAMES} names", field=key)
    for place, one in enumerate(listed):
        _demand_text(one, f"{key}[{place}]")
    if len(set(listed)) < len(listed):
        raise BadInput("a name is listed twice", field=key)
    return tuple(listed)


def _word(raw: Mapping[str, Any], key: str) -> str | None:
    value = raw.get(key)
    if value is None or value == "":
        return None
    return _demand_text(value, key)


def _demand_text(value: object, field: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LENGTH or "\x00" in value:
        raise BadInput(f"must be a text of 1 to {MAX_LENGTH} characters", field=field)
    return value


def _demand_cron(cron: str, zone: str) -> None:
    example = "write five fields such as '0 8 * * MON'"
    if len(cron.split()) != 5:
        raise BadInput(f"{cron!r} has {len(cron.split())} fields; {example}", field="cron")
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))))
    except CronSimError as problem:
        raise BadInput(f"{cron!r}: {str(problem).lower()}; {example}", field="cron") from None
    except StopIteration:
        raise BadInput(f"{cron!r} never comes; {example}", field="cron") from None


def _demand_address(text: str) -> None:
    address = parseaddr(text)[1]
    local, _, domain = address.rpartition("@")
    if not (local and domain and text.isprintable() and "," not in text):
        raise BadInput(
            f"{text!r} is no mail address; write one such as ann@example.com", field="receivers"
        )
