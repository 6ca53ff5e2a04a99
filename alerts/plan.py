"""What to tell a receiver about one group of alerts, and when: one pure function.

A group is one receiver's view of the alerts that share its grouping labels. It waits `group_wait`
for company, then looks again every `group_interval`; at each look it says what is news, or
repeats itself once `repeat_interval` has passed. The caller stores `Decision.state` with whatever
it queued for delivery, in one transaction, and asks again at `Decision.next_at` or when an alert
comes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from alerts.nouns import Alert, Notification
from alerts.spans import span
from alerts.tree import Target

LINGER = timedelta(seconds=15)
"""How long an emptied group keeps its rhythm; an alert that comes later starts at group_wait.

Alertmanager sweeps emptied groups away every 30 s, that is after 15 s on average.
"""

NOT_MUTED: Mapping[str, str] = MappingProxyType({})

PATIENT_REFUSALS = 3
"""Refusals in a row after which a group waits twice as long from one to the next."""


class Phase(StrEnum):
    """Idle groups hold no alert; waiting ones have not looked yet; ticking ones have."""

    IDLE = "idle"
    WAITING = "waiting"
    TICKING = "ticking"


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver knows of a group.

    `firing` and `resolved` are the fingerprints in the last notification, `owed` those told as
    firing and not yet as resolved, with the moment when they were first told.
    """

    sent_at: datetime | None = None
    firing: frozenset[str] = field(default=frozenset())
    resolved: frozenset[str] = field(default=frozenset())
    owed: Mapping[str, datetime] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is remembered of a group between two decisions; every field is storable.

    `due` is the next look and `flushed_at` the last. `told` is what the receiver knows once the
    last notification is delivered, `before` what it knew without that. `number` counts the
    notifications, `refusals` those in a row that it would not take. `scope`, such as a tenant,
    keeps equal groups of different owners apart.
    """

    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    phase: Phase = Phase.IDLE
    due: datetime | None = None
    idle_since: datetime | None = None
    flushed_at: datetime | None = None
    told: Told = field(default=Told())
    before: Told = field(default=Told())
    number: int = 0
    refusals: int = 0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Send `notification` now, or wait. `state` is to be stored either way."""

    action: Literal["send", "wait"]
    reason: str
    next_at: datetime | None
    state: GroupState
    notification: Notification | None = None


def new_group(target: Target, labels: Mapping[str, str], scope: str = "") -> GroupState:
    """The state of a group nobody has heard of, for an alert with these labels."""
    key, grouped = target.group_key(labels), target.group_labels(labels)
    return GroupState(target.receiver, key, grouped, scope=scope)


def decide(
    state: GroupState,
    alerts: Iterable[Alert],
    target: Target,
    now: datetime,
    muted: Mapping[str, str] = NOT_MUTED,
) -> Decision:
    """What to do about a group at `now`.

    `alerts` are those of the group that fire, and those that ended and may still be owed a word;
    old ones do no harm. `muted` maps fingerprints to the reason why they must not be told.
    """
    live, ended = _sorted_out(state, alerts, now)
    if not live and not ended:
        idle = _idle(state, now)
        return Decision("wait", "no alert of this group is firing", None, idle)
    state = _awake(state, live, target, now)
    assert state.due is not None
    if now < state.due:
        wait = "group_wait" if state.phase is Phase.WAITING else "group_interval"
        return Decision("wait", f"waits for {wait} until {_clock(state.due)}", state.due, state)
    owed = state.told.owed
    stays = live or any(a.fingerprint in owed and a.fingerprint in muted for a in ended)
    looked = replace(
        state,
        phase=Phase.TICKING if stays else Phase.IDLE,
        idle_since=None if stays else now,
        flushed_at=now,
        due=_tick(state.due, target.group_interval * 2 ** _impatience(state), now),
    )
    firing = [alert for alert in live if alert.fingerprint not in muted]
    told = [alert for alert in ended if alert.fingerprint not in muted]
    next_at = looked.due if stays else None
    if not firing and not told:
        why = ", ".join(sorted({muted[a.fingerprint] for a in (*live, *ended)}))
        return Decision("wait", f"muted: {why}", next_at, looked)
    send, reason = _news(state.told, firing, told, target, now)
    if not send:
        return Decision("wait", reason, next_at, looked)
    if not target.send_resolved and not firing:
        known = replace(looked, told=_after(looked, firing, told, now))
        return Decision("wait", "the receiver is not told of ends: send_resolved", next_at, known)
    return _sent(looked, target, firing, told, now, reason, next_at)


def refused(state: GroupState, number: int) -> GroupState:
    """The state once a receiver would not take notification `number`: it knows nothing of it.

    At the next look the group is told anew; a later notification says more and stands.
    """
    if number != state.number:
        return state
    return replace(state, told=state.before, refusals=state.refusals + 1)


def delivered(state: GroupState) -> GroupState:
    """The state once a receiver has taken a notification."""
    return replace(state, refusals=0) if state.refusals else state


def _impatience(state: GroupState) -> int:
    return min(10, max(0, state.refusals - PATIENT_REFUSALS))


def _sorted_out(
    state: GroupState, alerts: Iterable[Alert], now: datetime
) -> tuple[list[Alert], list[Alert]]:
    """The alerts that fire, and those whose end no look has seen or nobody was told of."""
    live, ended = [], []
    for alert in sorted(alerts, key=lambda one: sorted(one.labels.items())):
        if alert.firing(now):
            live.append(alert)
        elif (
            state.flushed_at is None
            or (alert.ends_at is not None and alert.ends_at > state.flushed_at)
            or alert.fingerprint in state.told.owed
        ):
            ended.append(alert)
    return live, ended


def _idle(state: GroupState, now: datetime) -> GroupState:
    if state.phase is Phase.IDLE:
        return state
    return replace(state, phase=Phase.IDLE, idle_since=now)


def _awake(state: GroupState, live: Sequence[Alert], target: Target, now: datetime) -> GroupState:
    """The state with its next look fixed, given that there are alerts."""
    if state.phase is Phase.TICKING:
        return state
    kept = state.idle_since is not None and now - state.idle_since < LINGER
    if kept and state.due is not None and state.flushed_at is not None:
        beat = state.due if state.due >= now else _tick(state.due, target.group_interval, now)
        return replace(state, phase=Phase.TICKING, idle_since=None, due=beat)
    wait = timedelta(seconds=target.group_wait)
    due = state.due if state.phase is Phase.WAITING else None
    if due is None:
        due = now + wait
    if any(alert.starts_at + wait < now for alert in live):
        due = min(due, now)
    return replace(state, phase=Phase.WAITING, idle_since=None, due=due)


def _tick(due: datetime, interval: float, now: datetime) -> datetime:
    """The first look after `now` on the beat that `due` lies on."""
    step = max(interval, 0.001)
    beats = math.floor(max(0.0, (now - due).total_seconds()) / step) + 1
    return due + timedelta(seconds=beats * step)


def _news(
    told: Told,
    firing: Sequence[Alert],
    ended: Sequence[Alert],
    target: Target,
    now: datetime,
) -> tuple[bool, str]:
    """Whether there is something to say, and why or why not."""
    burning = {alert.fingerprint for alert in firing}
    over = {alert.fingerprint for alert in ended}
    if not burning and not over & told.owed.keys():
        return False, "resolved before anyone was told, so there is nothing to say"
    if told.sent_at is None:
        return True, f"first notification: group_wait of {span(target.group_wait)} has passed"
    if added := burning - told.firing:
        return True, f"{_count(len(added))} firing that the last notification did not name"
    if not burning:
        return True, "every alert of the group has resolved"
    if target.send_resolved and (settled := over - told.resolved):
        return True, f"{_count(len(settled))} resolved since the last notification"
    if all(alert.acknowledged_by for alert in firing):
        names = ", ".join(sorted({str(alert.acknowledged_by) for alert in firing}))
        return False, f"acknowledged by {names}; no repeats until something changes"
    repeat = timedelta(seconds=target.repeat_interval)
    if now - told.sent_at > repeat:
        return True, f"repeat_interval of {span(target.repeat_interval)} has passed"
    return False, (
        f"nothing changed since {_clock(told.sent_at)}; repeats after "
        f"{_clock(told.sent_at + repeat)}"
    )


def _after(
    state: GroupState, firing: Sequence[Alert], ended: Sequence[Alert], now: datetime
) -> Told:
    """What the receiver knows after being told of these."""
    over = frozenset(alert.fingerprint for alert in ended)
    owed = {alert.fingerprint: now for alert in firing} | dict(state.told.owed)
    return Told(
        sent_at=now,
        firing=frozenset(alert.fingerprint for alert in firing),
        resolved=over,
        owed={fingerprint: since for fingerprint, since in owed.items() if fingerprint not in over},
    )


def _sent(
    looked: GroupState,
    target: Target,
    firing: Sequence[Alert],
    ended: Sequence[Alert],
    now: datetime,
    reason: str,
    next_at: datetime | None,
) -> Decision:
    alerts = (*firing, *(ended if target.send_resolved else ()))
    notification = Notification(
        receiver=looked.receiver,
        group_key=looked.group_key,
        group_labels=looked.group_labels,
        alerts=alerts,
        at=now,
        dedup_key=_dedup_key(looked, alerts, now),
        reason=reason,
    )
    state = replace(
        looked,
        told=_after(looked, firing, ended, now),
        before=looked.told,
        number=looked.number + 1,
    )
    return Decision("send", reason, next_at, state, notification)


def _dedup_key(state: GroupState, alerts: Iterable[Alert], now: datetime) -> str:
    """Follows from the state and the alerts alone: two that decide the same give the same key."""
    content = [
        state.scope,
        state.receiver,
        state.group_key,
        state.number,
        state.told.sent_at.isoformat() if state.told.sent_at else "",
        [[a.fingerprint, a.starts_at.isoformat(), a.status(now)] for a in alerts],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]


def _count(number: int) -> str:
    return "1 alert is" if number == 1 else f"{number} alerts are"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
