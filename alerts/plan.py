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
from alerts.tree import Target

LINGER = timedelta(seconds=15)
"""How long an emptied group keeps its rhythm; an alert that comes later starts at group_wait.

Alertmanager sweeps emptied groups away every 30 s, that is after 15 s on average.
"""

NOT_MUTED: Mapping[str, str] = MappingProxyType({})


class Phase(StrEnum):
    """Idle groups hold no alert; waiting ones have not looked yet; ticking ones have."""

    IDLE = "idle"
    WAITING = "waiting"
    TICKING = "ticking"


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is remembered of a group between two decisions; every field is storable.

    `due` is the next look and `flushed_at` the last. `firing` and `resolved` are the fingerprints
    in the last notification, `owed` those told as firing and not yet as resolved. `number` counts
    the notifications. `scope`, such as a tenant, keeps equal groups of different owners apart.
    """

    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    phase: Phase = Phase.IDLE
    due: datetime | None = None
    idle_since: datetime | None = None
    flushed_at: datetime | None = None
    sent_at: datetime | None = None
    firing: frozenset[str] = field(default=frozenset())
    resolved: frozenset[str] = field(default=frozenset())
    owed: frozenset[str] = field(default=frozenset())
    number: int = 0
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
    stays = live or any(a.fingerprint in state.owed and a.fingerprint in muted for a in ended)
    looked = replace(
        state,
        phase=Phase.TICKING if stays else Phase.IDLE,
        idle_since=None if stays else now,
        flushed_at=now,
        due=_tick(state.due, target.group_interval, now),
    )
    firing = [alert for alert in live if alert.fingerprint not in muted]
    told = [alert for alert in ended if alert.fingerprint not in muted]
    next_at = looked.due if stays else None
    if not firing and not told:
        why = ", ".join(sorted({muted[a.fingerprint] for a in (*live, *ended)}))
        return Decision("wait", f"muted: {why}", next_at, looked)
    send, reason = _news(state, firing, told, target, now)
    if not send:
        return Decision("wait", reason, next_at, looked)
    return _sent(looked, firing, told, now, reason, next_at)


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
            or alert.fingerprint in state.owed
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
    state: GroupState,
    firing: Sequence[Alert],
    ended: Sequence[Alert],
    target: Target,
    now: datetime,
) -> tuple[bool, str]:
    """Whether there is something to say, and why or why not."""
    burning = {alert.fingerprint for alert in firing}
    over = {alert.fingerprint for alert in ended}
    if not burning and not over & state.owed:
        return False, "resolved before anyone was told, so there is nothing to say"
    if state.sent_at is None:
        return True, f"first notification: group_wait of {span(target.group_wait)} has passed"
    if added := burning - state.firing:
        return True, f"{_count(len(added))} firing that the last notification did not name"
    if not burning:
        return True, "every alert of the group has resolved"
    if settled := over - state.resolved:
        return True, f"{_count(len(settled))} resolved since the last notification"
    repeat = timedelta(seconds=target.repeat_interval)
    if now - state.sent_at > repeat:
        return True, f"repeat_interval of {span(target.repeat_interval)} has passed"
    return False, (
        f"nothing changed since {_clock(state.sent_at)}; repeats after "
        f"{_clock(state.sent_at + repeat)}"
    )


def _sent(
    looked: GroupState,
    firing: Sequence[Alert],
    ended: Sequence[Alert],
    now: datetime,
    reason: str,
    next_at: datetime | None,
) -> Decision:
    burning = frozenset(alert.fingerprint for alert in firing)
    over = frozenset(alert.fingerprint for alert in ended)
    alerts = (*firing, *ended)
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
        sent_at=now,
        firing=burning,
        resolved=over,
        owed=(looked.owed | burning) - over,
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
        state.sent_at.isoformat() if state.sent_at else "",
        [[a.fingerprint, a.starts_at.isoformat(), a.status(now)] for a in alerts],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]


def span(seconds: float) -> str:
    """Seconds as an operator writes them: `15m`, `1h30m`."""
    rest, parts = round(seconds, 3), ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        parts += f"{count:.0f}{unit}" if count else ""
    return parts + (f"{rest:g}s" if rest or not parts else "")


def _count(number: int) -> str:
    return "1 alert is" if number == 1 else f"{number} alerts are"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
