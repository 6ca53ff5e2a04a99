from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.config import parse_alerts
from alerts.matchers import parse
from alerts.nouns import Alert, fingerprint
from alerts.plan import Decision, GroupState, decide, new_group
from alerts.tree import Target, route

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data" / "alerts"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Told = tuple[float, str, str, dict[str, str], list[list[str]]]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lines(name: str) -> list[dict[str, Any]]:
    """All recorded cases where they stand beside the repository, else the sample."""
    whole = SHARED / f"{name}.jsonl"
    path = whole if whole.exists() else HERE / f"{name}_sample.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Replay:
    """A recorded scenario on a fake clock: alerts come in, decisions are asked for when due."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        names = [case["id"] + suffix for suffix in ("", *case["extra_receivers"])]
        routes = [{"receiver": name, "continue": True} for name in names]
        tree = {**case["route"], "receiver": names[0], "routes": routes}
        document = {"route": tree, "receivers": [{"name": name} for name in names]}
        self.tree = parse_alerts(json.dumps(document)).tree
        self.alerts: dict[str, Alert] = {}
        self.groups: dict[tuple[str, str], tuple[Target, Decision | None, GroupState]] = {}
        self.silences: list[tuple[dict[str, str], datetime]] = []
        self.sent: list[Told] = []

    def run(self) -> None:
        events = sorted(self.case["events"], key=lambda event: event["t"])
        while True:
            due = [g[1].next_at for g in self.groups.values() if g[1] and g[1].next_at]
            now = min([at(event["t"]) for event in events[:1]] + due, default=None)
            if now is None or now > at(self.case["observe_seconds"]):
                return
            while events and at(events[0]["t"]) == now:
                self.take(events.pop(0), now)
            self.look(now)

    def take(self, event: dict[str, Any], now: datetime) -> None:
        if event["op"] == "silence":
            self.silences.append((event["matchers"], now + timedelta(seconds=event["secs"])))
            return
        known = self.alerts.get(fingerprint(event["labels"]))
        began = known.starts_at if known and known.firing(now) else now
        timeout = float(self.case["resolve_timeout"].removesuffix("s"))
        lasts = 0 if event["op"] == "resolve" else event["end"] or timeout
        taken = Alert(event["labels"], began, now, now + timedelta(seconds=lasts))
        self.alerts[taken.fingerprint] = taken
        for target in route(self.tree, taken.labels):
            key = (target.receiver, target.group_key(taken.labels))
            self.groups.setdefault(key, (target, None, new_group(target, taken.labels)))

    def muted(self, now: datetime) -> dict[str, str]:
        found = {}
        for one in self.alerts.values():
            if any(
                now < end and labels.items() <= one.labels.items() for labels, end in self.silences
            ):
                found[one.fingerprint] = "silenced"
            for rule in self.case["inhibit"]:
                if self.inhibits(rule, one, now):
                    found[one.fingerprint] = "inhibited"
        return found

    def inhibits(self, rule: dict[str, Any], target: Alert, now: datetime) -> bool:
        sources = [
            one
            for one in self.alerts.values()
            if one.firing(now)
            and all(matcher.matches(one.labels) for matcher in parse(rule["source"]))
            and all(one.labels.get(name) == target.labels.get(name) for name in rule["equal"])
        ]
        aimed = all(matcher.matches(target.labels) for matcher in parse(rule["target"]))
        return aimed and bool(sources)

    @staticmethod
    def recorded(one: dict[str, Any]) -> Told:
        return one["t"], one["receiver"], one["status"], one["group"], sorted(one["alerts"])

    def look(self, now: datetime) -> None:
        for key, (target, _, state) in self.groups.items():
            group = [a for a in self.alerts.values() if target.group_key(a.labels) == key[1]]
            decision = decide(state, group, target, now, self.muted(now))
            self.groups[key] = (target, decision, decision.state)
            if told := decision.notification:
                alerts = [[a.labels["i"], str(a.status(now))] for a in told.alerts]
                group_labels = dict(told.group_labels)
                seconds = (now - NOW).total_seconds()
                self.sent.append((seconds, key[0], str(told.status), group_labels, sorted(alerts)))
