"""One round of decisions: every alert routed and grouped, every group that is due decided.

Pure: whoever calls brings alerts, states and silences of one moment, and stores what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.config import AlertConfig
from alerts.inhibition import Inhibitor
from alerts.intervals import NamedIntervals
from alerts.nouns import Alert
from alerts.plan import Decision, GroupState, Phase, decide, new_group
from alerts.silences import Silence, Silencer
from alerts.tree import Target, route

Key = tuple[str, str]
"""Group key and receiver."""

ESCALATION = "!escalation"


@dataclass(frozen=True, slots=True)
class Spot:
    """One group of one receiver that an alert belongs to."""

    key: Key
    target: Target


class Router:
    """Where alerts go under one configuration; remembers what it has worked out."""

    REMEMBERED = 100_000

    def __init__(self, config: AlertConfig) -> None:
        self.config = config
        self._known: dict[str, tuple[Spot, ...]] = {}

    def spots(self, alert: Alert) -> tuple[Spot, ...]:
        """The groups that an alert belongs to, in the order of its routes."""
        found = self._known.get(alert.fingerprint)
        if found is None:
            if len(self._known) >= self.REMEMBERED:
                self._known.clear()
            found = tuple(
                Spot((one.group_key(alert.labels), one.receiver), one)
                for target in route(self.config.tree, alert.labels)
                for one in self.parts(target, target.receiver)
            )
            self._known[alert.fingerprint] = found
        return found

    def parts(self, target: Target, name: str) -> Iterator[Target]:
        """The target once for each way in which the named receiver tells people."""
        for part in self.config.parts.get(name, ()):
            yield replace(target, receiver=part.name, send_resolved=part.send_resolved)

    def escalations(self, target: Target) -> Iterator[Target]:
        """Who is told of what nobody acknowledged in time."""
        above = replace(
            target,
            place=f"{target.place} (escalation)",
            path=target.path + ESCALATION,
            group_wait=0.0,
            escalate_after=None,
            escalate_to=(),
        )
        for name in target.escalate_to:
            yield from self.parts(above, name)


def off_hours(target: Target, intervals: NamedIntervals, now: datetime) -> str:
    """Why the route is silent at this time of day or year, or nothing."""

    def within(name: str) -> bool:
        return any(one.contains(now) for one in intervals.get(name, ()))

    if target.active and not any(map(within, target.active)):
        return f"outside the active time interval {', '.join(target.active)}"
    for name in target.mute:
        if within(name):
            return f"within the mute time interval {name}"
    return ""


@dataclass(slots=True)
class _Group:
    target: Target
    members: list[Alert]


class Round:
    """What is to be told at `now`; `scope`, such as a tenant, keeps equal groups apart."""

    def __init__(
        self,
        router: Router,
        alerts: Iterable[Alert],
        states: Mapping[Key, GroupState],
        silences: Iterable[Silence],
        now: datetime,
        scope: str = "",
    ) -> None:
        self.router, self.config = router, router.config
        self.alerts, self.states = list(alerts), states
        self.now, self.scope = now, scope
        self._inhibitor = Inhibitor(self.config.inhibitions, self.alerts, now)
        self._silencer = Silencer(silences, now)
        self._mutes: dict[str, str] = {}
        self._grouped: dict[Key, _Group] | None = None

    def muted(self, alert: Alert, target: Target) -> str:
        """Why an alert is not told to this receiver now, or nothing."""
        found = self._mutes.get(alert.fingerprint)
        if found is None:
            found = self._inhibitor.reason(alert.labels) or self._silencer.reason(alert.labels)
            self._mutes[alert.fingerprint] = found
        return found or off_hours(target, self.config.intervals, self.now)

    def decisions(self) -> Iterator[Decision]:
        """One for each group that is due or new; groups between two looks are left alone."""
        groups = self._groups()
        after = dict(self.states)
        for key, group in groups.items():
            if decision := self._decided(key, group):
                after[key] = decision.state
                yield decision
        escalated = self._escalated(groups, after)
        for key, group in escalated.items():
            if decision := self._decided(key, group):
                yield decision
        for key, state in self.states.items():
            if key not in groups and key not in escalated and state.phase is not Phase.IDLE:
                yield decide(state, (), _nowhere(state), self.now)

    def next_at(self, decisions: Iterable[Decision]) -> datetime | None:
        """When something is due next, given what was decided now; None for never."""
        after = dict(self.states) | {
            (one.state.group_key, one.state.receiver): one.state for one in decisions
        }
        dues = [one.due for one in after.values() if one.due and one.phase is not Phase.IDLE]
        for key, group in self._groups().items():
            if group.target.escalate_after is not None and key in after:
                wait = timedelta(seconds=group.target.escalate_after)
                dues += [
                    due for told in after[key].told.owed.values() if (due := told + wait) > self.now
                ]
        return min(dues, default=None)

    def _groups(self) -> dict[Key, _Group]:
        if self._grouped is None:
            self._grouped = self._worked_out()
        return self._grouped

    def _worked_out(self) -> dict[Key, _Group]:
        groups: dict[Key, _Group] = {}
        for alert in self.alerts:
            for spot in self.router.spots(alert):
                if (group := groups.get(spot.key)) is None:
                    group = groups[spot.key] = _Group(spot.target, [])
                group.members.append(alert)
        return groups

    def _decided(self, key: Key, group: _Group) -> Decision | None:
        state = self.states.get(key)
        if state is None:
            state = new_group(group.target, group.members[0].labels, scope=self.scope)
        elif state.phase is Phase.TICKING and state.due is not None and self.now < state.due:
            return None
        muted = {
            one.fingerprint: why for one in group.members if (why := self.muted(one, group.target))
        }
        return decide(state, group.members, group.target, self.now, muted)

    def _escalated(
        self, groups: Mapping[Key, _Group], states: Mapping[Key, GroupState]
    ) -> dict[Key, _Group]:
        """The groups of those who hear what was told long ago and acknowledged by nobody."""
        found: dict[Key, _Group] = {}
        for key, group in groups.items():
            target = group.target
            if target.escalate_after is None or key not in states:
                continue
            wait = timedelta(seconds=target.escalate_after)
            owed = states[key].told.owed
            for above in self.router.escalations(target):
                upper = (above.group_key(group.members[0].labels), above.receiver)
                known = self.states[upper].told.owed if upper in self.states else {}
                members = [
                    one
                    for one in group.members
                    if one.fingerprint in known or self._overdue(one, owed, wait)
                ]
                if members:
                    found.setdefault(upper, _Group(above, [])).members.extend(
                        one for one in members if one not in found[upper].members
                    )
        return found

    def _overdue(self, alert: Alert, owed: Mapping[str, datetime], wait: timedelta) -> bool:
        told = owed.get(alert.fingerprint)
        if told is None or alert.acknowledged_by or not alert.firing(self.now):
            return False
        return self.now - told >= wait


def _nowhere(state: GroupState) -> Target:
    return Target(state.receiver, "", "", (), 0.0, 0.0, 0.0)
