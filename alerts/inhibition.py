"""Inhibition: an alert that burns keeps others quiet which it explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.matchers import Matcher, fit, written
from alerts.nouns import Alert


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Alerts that fit `target` are quiet while one burns that fits `source` and whose labels named
    in `equal` have the same values; a missing label is empty. What fits both sides is not quieted
    by another that does, and so not by itself."""

    place: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def __str__(self) -> str:
        same = f" with equal {', '.join(self.equal)}" if self.equal else ""
        return f"{self.place}: {written(self.source)} mutes {written(self.target)}{same}"


class Inhibitor:
    """What burns at one moment, ready to be asked which alerts it mutes."""

    def __init__(
        self, rules: Iterable[InhibitRule], alerts: Iterable[Alert], now: datetime
    ) -> None:
        burning = [alert for alert in alerts if alert.firing(now)]
        self._rules = [(rule, _sources(rule, burning)) for rule in rules]

    def reason(self, labels: Mapping[str, str]) -> str:
        """What mutes an alert with these labels, or nothing."""
        for rule, sources in self._rules:
            if not fit(rule.target, labels):
                continue
            one_sided, two_sided = sources.get(_key(rule, labels), (None, None))
            source = one_sided or (None if fit(rule.source, labels) else two_sided)
            if source is not None:
                return f"inhibited by {source.name or source.fingerprint} ({rule.place})"
        return ""


def _key(rule: InhibitRule, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)


def _sources(
    rule: InhibitRule, burning: Iterable[Alert]
) -> dict[tuple[str, ...], tuple[Alert | None, Alert | None]]:
    """By the values of the equal labels: a source that is no target too, and one that is."""
    found: dict[tuple[str, ...], tuple[Alert | None, Alert | None]] = {}
    for alert in burning:
        if fit(rule.source, alert.labels):
            key = _key(rule, alert.labels)
            one, two = found.get(key, (None, None))
            both = fit(rule.target, alert.labels)
            found[key] = (one, two or alert) if both else (one or alert, two)
    return found
