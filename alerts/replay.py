"""Timed scenarios on a fake clock: events come in, and what would be sent comes out, with when.

A scenario is a line such as those recorded from Alertmanager: a route and rules, events in seconds
(`alert`, `resolve`, `silence`, `expire`, `acknowledge`), and for how long to watch.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.config import parse_alerts
from alerts.document import Text
from alerts.matchers import Matcher, parse
from alerts.nouns import Alert, Notification, fingerprint
from alerts.plan import GroupState, Phase, refused
from alerts.receivers.webhook import Webhook
from alerts.retry import next_attempt
from alerts.rounds import ESCALATION, Key, Round, Router
from alerts.silences import Silence
from alerts.spans import duration
from core.errors import BadInput, DeliveryError

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class _Attempt:
    due: datetime
    number: int
    notification: Notification
    state_number: int


@dataclass(slots=True)
class _Known:
    """An alert and whether its end is only the timeout of its last renewal."""

    alert: Alert
    timeout: bool


@dataclass
class Replay:
    """One scenario. Raises BadInput and ConfigError for what it cannot play."""

    case: Mapping[str, Any]
    start: datetime = START
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = str(self.case.get("id", "case"))
        self.config = parse_alerts(_config(self.case, self.name), self.name)
        self.router = Router(self.config)
        self.resolve_timeout = self.config.resolve_timeout
        if said := self.case.get("resolve_timeout"):
            self.resolve_timeout = duration(f"{self.name}: resolve_timeout", Text(str(said)))
        self.known: dict[str, _Known] = {}
        self.silences: dict[str, Silence] = {}
        self.states: dict[Key, GroupState] = {}
        self.queue: list[_Attempt] = []
        fails = list(self.case.get("webhook_fails_first") or ())
        self.answers: defaultdict[str, list[int]] = defaultdict(lambda: list(fails))

    def run(self) -> list[dict[str, Any]]:
        """Everything that was sent: seconds, receiver, answer, status, group, alerts."""
        events = sorted(self.case.get("events", ()), key=lambda event: float(event["t"]))
        until = self.start + timedelta(seconds=float(self.case.get("observe_seconds", 60)))
        while True:
            ahead = [self.at(event) for event in events[:1]]
            now = min([*ahead, *self._dues()], default=None)
            if now is None or now > until:
                return self.sent
            while events and self.at(events[0]) <= now:
                self._take(events.pop(0), now)
            self._look(now)
            self._deliver(now)

    def at(self, event: Mapping[str, Any]) -> datetime:
        """The moment of an event."""
        return self.start + timedelta(seconds=float(event["t"]))

    def _dues(self) -> list[datetime]:
        looks = [s.due for s in self.states.values() if s.due and s.phase is not Phase.IDLE]
        return [*looks, *self._escalations(), *(one.due for one in self.queue)]

    def _escalations(self) -> list[datetime]:
        """When something told becomes overdue for those above; nothing that has gone there."""
        gone = {
            fingerprint
            for (key, _), state in self.states.items()
            if ESCALATION in key
            for fingerprint in state.told.owed
        }
        found = []
        for known in self.known.values():
            alert = known.alert
            for spot in self.router.spots(alert):
                told = spot.key in self.states and self.states[spot.key].told.owed.get(
                    alert.fingerprint
                )
                after = spot.target.escalate_after
                if told and after is not None and not alert.acknowledged_by:
                    due = told + timedelta(seconds=after)
                    if alert.fingerprint not in gone and alert.firing(due):
                        found.append(due)
        return found

    def _take(self, event: Mapping[str, Any], now: datetime) -> None:
        op = event.get("op", "alert")
        if op in ("alert", "resolve"):
            self._receive(event, now, ended=op == "resolve")
        elif op == "silence":
            name = str(event.get("id", len(self.silences)))
            begins = now + timedelta(seconds=float(event.get("start") or 0))
            ends = now + timedelta(seconds=float(event["secs"]))
            self.silences[name] = Silence(name, _matchers(event["matchers"]), begins, ends)
        elif op == "expire":
            name = str(event.get("id", len(self.silences) - 1))
            self.silences[name] = replace(self.silences[name], ends_at=now)
        elif op == "acknowledge":
            known = self.known[fingerprint(event["labels"])]
            known.alert = replace(known.alert, acknowledged_by=str(event.get("by", "somebody")))
        else:
            raise BadInput(f"{self.name}: unknown op {op!r} in events", field="events")

    def _receive(self, event: Mapping[str, Any], now: datetime, *, ended: bool) -> None:
        """As Alertmanager's API and store take an alert: renewed, shortened or ended."""
        given = event.get("end")
        lasts = 0.0 if ended else self.resolve_timeout if given is None else float(given)
        new = Alert(
            labels=event["labels"],
            starts_at=self._starts(event, now),
            updated_at=now,
            ends_at=now + timedelta(seconds=lasts),
            annotations=event.get("ann") or {},
        )
        timeout = not ended and given is None
        old = self.known.get(new.fingerprint)
        if old is not None:
            new, timeout = _merged(old, new, timeout, now)
        self.known[new.fingerprint] = _Known(new, timeout)

    def _starts(self, event: Mapping[str, Any], now: datetime) -> datetime:
        start = event.get("start")
        if start is None:
            return now
        moment = self.start + timedelta(seconds=float(start))
        return (
            moment
            if float(start) > 0 and moment <= now
            else now - timedelta(seconds=abs(float(start)))
        )

    def _look(self, now: datetime) -> None:
        alerts = [known.alert for known in self.known.values()]
        round_ = Round(self.router, alerts, self.states, self.silences.values(), now)
        for decision in list(round_.decisions()):
            state = decision.state
            self.states[(state.group_key, state.receiver)] = state
            if decision.notification is not None:
                self.queue.append(_Attempt(now, 1, decision.notification, state.number))

    def _deliver(self, now: datetime) -> None:
        due = [one for one in self.queue if one.due <= now]
        self.queue = [one for one in self.queue if one.due > now]
        for one in due:
            self._attempt(one, now)

    def _attempt(self, one: _Attempt, now: datetime) -> None:
        notification = one.notification
        answers = self.answers[notification.receiver]
        answer = answers.pop(0) if answers else 200
        self.sent.append(_written(notification, answer, (now - self.start).total_seconds()))
        if 200 <= answer < 300:
            return
        permanent = answer != 429 and answer < 500
        error = DeliveryError(str(answer), permanent=permanent, status=answer)
        again = next_attempt(Webhook.retry, one.number, error, now)
        if again is not None:
            self.queue.append(replace(one, due=again, number=one.number + 1))
            return
        key = (notification.group_key, notification.receiver)
        self.states[key] = refused(self.states[key], one.state_number)


def _merged(old: _Known, new: Alert, timeout: bool, now: datetime) -> tuple[Alert, bool]:
    was = old.alert
    ends = new.ends_at
    assert was.ends_at is not None
    assert ends is not None
    overlaps = (was.starts_at < ends < was.ends_at) or (was.starts_at < new.starts_at < was.ends_at)
    if not overlaps:
        return new, timeout
    new = replace(
        new,
        starts_at=min(was.starts_at, new.starts_at),
        acknowledged_by=was.acknowledged_by,
    )
    if new.firing(now) and was.ends_at > ends and not old.timeout:
        return replace(new, ends_at=was.ends_at), False
    return new, timeout


def _matchers(said: object) -> tuple[Matcher, ...]:
    if isinstance(said, Mapping):
        return tuple(Matcher(str(name), "=", str(value)) for name, value in said.items())
    lines = [said] if isinstance(said, str) else said
    if not isinstance(lines, list):
        raise BadInput("matchers must be a mapping or a list of texts", field="matchers")
    return tuple(one for line in lines for one in parse(str(line)))


def _config(case: Mapping[str, Any], name: str) -> str:
    """The configuration of a scenario: its own, or one made of its route and rules."""
    if "config" in case:
        own = case["config"]
        return own if isinstance(own, str) else json.dumps(own)
    names = [name + str(suffix) for suffix in ("", *case.get("extra_receivers", ()))]
    tree = {"receiver": names[0], **case.get("route", {})}
    for key in ("mute", "active"):
        if key in case and "routes" not in tree:
            own = {f"{key}_time_intervals": case[key]}
            tree["routes"] = [{"receiver": one, "continue": True, **own} for one in names]
    if len(names) > 1 and "routes" not in tree:
        tree["routes"] = [{"receiver": one, "continue": True} for one in names]
    resolved = case.get("send_resolved", True)
    document = {
        "route": tree,
        "receivers": [{"name": one, "send_resolved": resolved} for one in names],
        "inhibit_rules": [_rule(rule) for rule in case.get("inhibit", ())],
        "time_intervals": case.get("time_intervals", []),
    }
    return json.dumps(document)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    if "source" not in rule:
        return dict(rule)
    return {
        "source_matchers": [rule["source"]],
        "target_matchers": [rule["target"]],
        "equal": rule.get("equal", []),
    }


def _written(notification: Notification, answer: int, seconds: float) -> dict[str, Any]:
    at = notification.at
    return {
        "t": round(seconds, 3),
        "receiver": notification.receiver,
        "http": answer,
        "status": str(notification.status),
        "group": dict(notification.group_labels),
        "alerts": sorted(
            [one.labels.get("i", one.name), str(one.status(at))] for one in notification.alerts
        ),
        "reason": notification.reason,
    }
