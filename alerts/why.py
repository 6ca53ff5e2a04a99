"""Why an alert did or did not reach each receiver, as one round of decisions sees it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.nouns import Alert
from alerts.paths import Path, paths
from alerts.plan import GroupState, decide, new_group
from alerts.rounds import Round
from alerts.tree import Target


@dataclass(frozen=True, slots=True)
class Next:
    """When the next message is due if nothing changes, or why there will be none."""

    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver of an alert, or one that it escalates to.

    `members` counts the alerts of the group by fingerprint, the alert's own included. `muted` is
    why it is not told now, or nothing; `last` what the last message of the group said about it:
    `firing`, `resolved` or nothing.
    """

    target: Target
    path: Path
    group_key: str
    group_labels: Mapping[str, str]
    members: tuple[str, ...]
    state: GroupState | None
    muted: str
    last: str
    next: Next


def destinations(alert: Alert, view: Round) -> list[Destination]:
    """Where the alert goes, in the order of its routes, and what is in the way."""
    ways = {one.node.place: one for one in paths(view.config.tree, alert.labels)}
    found = [
        _destination(alert, view, spot.target, ways[spot.target.place])
        for spot in view.router.spots(alert)
    ]
    for one in list(found):
        if one.target.escalate_after is not None:
            for above in view.router.escalations(one.target):
                found.append(_destination(alert, view, above, one.path, below=one))
    return found


def ways(alert: Alert, view: Round) -> tuple[Path, ...]:
    """The routes that decide about the alert, also where they tell nobody."""
    return paths(view.config.tree, alert.labels)


def _destination(
    alert: Alert, view: Round, target: Target, path: Path, below: Destination | None = None
) -> Destination:
    key = target.group_key(alert.labels)
    state = view.states.get((key, target.receiver))
    members = _members(key, target, view) if below is None else [alert]
    muted = {one.fingerprint: why for one in members if (why := view.muted(one, target))}
    if below is not None and state is None:
        ahead = _escalation(alert, below, target, view.now)
    else:
        start = state or new_group(target, alert.labels, scope=view.scope)
        ahead = _ahead(start, members, target, view.now, muted)
    told = state.told if state else None
    last = ""
    if told is not None:
        last = "firing" if alert.fingerprint in told.firing else last
        last = "resolved" if alert.fingerprint in told.resolved else last
    return Destination(
        target=target,
        path=path,
        group_key=key,
        group_labels=target.group_labels(alert.labels),
        members=tuple(one.fingerprint for one in members),
        state=state,
        muted=muted.get(alert.fingerprint, ""),
        last=last,
        next=ahead,
    )


def _members(key: str, target: Target, view: Round) -> list[Alert]:
    return [
        one
        for one in view.alerts
        if any(spot.key == (key, target.receiver) for spot in view.router.spots(one))
    ]


def _escalation(alert: Alert, below: Destination, target: Target, now: datetime) -> Next:
    """For those above nobody has told yet."""
    told = below.state.told.owed.get(alert.fingerprint) if below.state else None
    if alert.acknowledged_by:
        return Next(None, f"acknowledged by {alert.acknowledged_by}, so it does not escalate")
    if not alert.firing(now):
        return Next(None, "over before it escalated")
    if told is None or below.target.escalate_after is None:
        return Next(None, f"escalates once {below.target.receiver} has been told and waited for")
    at = told + timedelta(seconds=below.target.escalate_after)
    return Next(max(at, now), f"escalates if nobody acknowledges it before {_clock(at)}")


def _ahead(
    state: GroupState,
    members: Sequence[Alert],
    target: Target,
    now: datetime,
    muted: Mapping[str, str],
) -> Next:
    """The next message on the fake future in which nothing changes."""
    here = decide(state, members, target, now, muted)
    if here.action == "send":
        return Next(now, here.reason)
    if here.next_at is None:
        return Next(None, here.reason)
    at = here.next_at
    look = decide(here.state, members, target, at, muted)
    if look.action == "send":
        return Next(at, f"{here.reason}; then: {look.reason}")
    if look.reason.startswith("muted") or look.next_at is None:
        return Next(None, look.reason)
    sent = look.state.told.sent_at
    if sent is None or look.reason.startswith("acknowledged"):
        return Next(None, look.reason)
    late = sent + timedelta(seconds=target.repeat_interval)
    step = timedelta(seconds=max(target.group_interval, 0.001))
    beats = max(0, (late - at) // step + 1)
    again = at + beats * step
    repeat = decide(here.state, members, target, again, muted)
    return Next(again if repeat.action == "send" else None, look.reason)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
