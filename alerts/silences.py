"""Silences: somebody asked for quiet about alerts with these labels, for a time and a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.matchers import Matcher, fit, written
from core.errors import BadInput


class SilenceState(StrEnum):
    """Where its two ends lie."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that fit all matchers are not told from `starts_at` until just before `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""

    def state(self, now: datetime) -> SilenceState:
        """Pending, active or expired."""
        if now < self.starts_at:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now < self.ends_at else SilenceState.EXPIRED

    def mutes(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether an alert with these labels is not to be told now."""
        return self.state(now) is SilenceState.ACTIVE and fit(self.matchers, labels)

    @property
    def reason(self) -> str:
        """For the log and for `why`."""
        by = f" by {self.created_by}" if self.created_by else ""
        said = f": {self.comment}" if self.comment else ""
        return f"silenced{by} until {self.ends_at:%Y-%m-%d %H:%M:%S}Z{said}"


def demand_usable(silence: Silence, now: datetime) -> None:
    """Raises BadInput for a silence that would mute everything or nothing."""
    if not silence.matchers:
        raise BadInput("a silence needs at least one matcher", field="matchers")
    if all(matcher.matches({}) for matcher in silence.matchers):
        raise BadInput(
            f"{written(silence.matchers)} fits an alert without labels, and so nearly all; "
            "name a value that is not empty",
            field="matchers",
        )
    if silence.ends_at <= silence.starts_at:
        raise BadInput("ends_at must be after starts_at", field="ends_at")
    if silence.ends_at <= now:
        raise BadInput("ends_at lies in the past", field="ends_at")


class Silencer:
    """The silences that hold at one moment."""

    def __init__(self, silences: Iterable[Silence], now: datetime) -> None:
        self._active = [one for one in silences if one.state(now) is SilenceState.ACTIVE]

    def reason(self, labels: Mapping[str, str]) -> str:
        """What mutes an alert with these labels, or nothing."""
        for one in self._active:
            if fit(one.matchers, labels):
                return one.reason
        return ""
