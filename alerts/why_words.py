"""The answer to "why" as one document, and that document as text to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.paths import Answer, Path
from alerts.spans import span
from alerts.why import Destination

Document = Mapping[str, Any]
"""Texts, numbers, moments as datetime, and lists and mappings of them."""


def route(path: Path, receivers: Sequence[str]) -> dict[str, Any]:
    """One way through the tree."""
    return {
        "place": path.node.place,
        "receivers": list(receivers),
        "steps": [
            {"place": one.place, "because": one.because, "others": _answers(one.others)}
            for one in path.steps
        ],
        "below": _answers(path.below),
    }


def _answers(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [{"place": one.place, "matched": one.matched, "because": one.because} for one in answers]


def receiver(one: Destination, notifications: Sequence[Document]) -> dict[str, Any]:
    """One receiver, with what was sent to it about the alert, oldest first."""
    state, target = one.state, one.target
    return {
        "receiver": target.receiver,
        "route": target.place,
        "group": {
            "key": one.group_key,
            "labels": dict(one.group_labels),
            "alerts": len(one.members),
            "group_wait": target.group_wait,
            "group_interval": target.group_interval,
            "repeat_interval": target.repeat_interval,
            "last_look": state.flushed_at if state else None,
            "next_look": state.due if state else None,
            "last_sent": state.told.sent_at if state else None,
            "sent": state.number if state else 0,
            "refusals": state.refusals if state else 0,
        },
        "muted": one.muted or None,
        "last_told": one.last or None,
        "next": {"at": one.next.at, "reason": one.next.reason},
        "outcome": _outcome(one, notifications),
        "notifications": [dict(each) for each in notifications],
    }


def _outcome(one: Destination, notifications: Sequence[Document]) -> str:
    """In half a sentence, what became of it."""
    name = one.target.receiver
    if notifications:
        latest = notifications[-1]
        attempts, state = latest["attempts"], latest["state"]
        said = attempts[-1]["detail"] if attempts else "no attempt yet"
        if state == "delivered":
            heard = f"{name} was told ({latest['status']}) at {clock(latest['delivered_at'])}"
            return f"{heard}; now {one.muted}" if one.muted else heard
        if state == "failed":
            return f"{name} was not reached and it was given up: {said}"
        again = latest["next_attempt_at"]
        when = f", next attempt at {clock(again)}" if again else ""
        return f"on its way to {name}, {len(attempts)} attempts so far ({said}){when}"
    if one.muted:
        return f"{name} is not told: {one.muted}"
    return f"{name} has not been told: {one.next.reason}"


def text(answer: Document) -> str:
    """The whole document to read on a terminal."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Document) -> Iterator[str]:
    alert = answer["alert"]
    yield f"{alert['name']} ({alert['severity']}), {_life(alert)}"
    yield f"  {answer['answer']}"
    yield f"  id {alert['id']}"
    yield f"  labels {_pairs(alert['labels'])}"
    yield ""
    yield "What was found"
    yield from _found(answer)
    yield ""
    yield "Which way it goes"
    for one in answer["routes"]:
        yield from _way(one)
    for one in answer["receivers"]:
        yield ""
        yield from _receiver(one)
    yield ""
    yield f"As seen at {clock(answer['asked_at'])}"


def _life(alert: Document) -> str:
    said = f"{alert['status']} since {clock(alert['starts_at'])}"
    if alert["status"] == "resolved":
        said = f"resolved at {clock(alert['ends_at'])}, had begun at {clock(alert['starts_at'])}"
    if by := alert.get("acknowledged_by"):
        said += f", acknowledged by {by} at {clock(alert['acknowledged_at'])}"
    return said


def _found(answer: Document) -> Iterator[str]:
    anomaly, detector = answer["anomaly"], answer["detector"]
    if anomaly is None:
        yield "  no anomaly: it came from outside, or its record has been dropped"
        return
    yield f"  {anomaly['message']}"
    figures = [f"value {anomaly['value']:.6g}"]
    figures += [
        f"{name} {anomaly[name]:.6g}"
        for name in ("baseline", "threshold", "score")
        if anomaly[name] is not None
    ]
    yield f"  {', '.join(figures)}"
    how = f"  detector {anomaly['detector_id']}"
    if detector is not None:
        kind = f"{detector['type']} {detector['strategy'] or ''}".strip()
        how += f" ({kind}, {detector['statistic']} over {span(detector['window'])})"
    yield how
    yield f"  window {clock(anomaly['window_start'])} to {clock(anomaly['window_end'])}"
    ended = anomaly["ended_at"]
    yield f"  anomaly {anomaly['id']}, " + (f"ended {clock(ended)}" if ended else "still open")


def _way(one: Document) -> Iterator[str]:
    for depth, step in enumerate(one["steps"]):
        indent = "  " * (depth + 1)
        yield f"{indent}{step['place']}: {step['because']}"
        for other in step["others"]:
            yield f"{indent}  not by {other['place']}: {other['because']}"
    indent = "  " * (len(one["steps"]) + 1)
    for other in one["below"]:
        yield f"{indent}not by {other['place']}: {other['because']}"
    names = ", ".join(one["receivers"])
    yield f"{indent}so it goes to {names}" if names else f"{indent}so it goes to nobody"


def _receiver(one: Document) -> Iterator[str]:
    group = one["group"]
    yield f"Receiver {one['receiver']}, by {one['route']}"
    others = group["alerts"] - 1
    company = f" with {others} more" if others > 0 else ", alone"
    yield f"  group {_pairs(group['labels']) or 'of everything'}{company}"
    yield (
        f"  rhythm: group_wait {span(group['group_wait'])},"
        f" group_interval {span(group['group_interval'])},"
        f" repeat_interval {span(group['repeat_interval'])}"
    )
    if group["last_look"]:
        yield f"  last look {clock(group['last_look'])}, next {clock(group['next_look'])}"
    if one["muted"]:
        yield f"  MUTED: {one['muted']}"
    for sent in one["notifications"]:
        yield from _sent(sent)
    if not one["notifications"]:
        yield "  nothing was sent to it about this alert"
    upcoming = one["next"]
    when = f"at {clock(upcoming['at'])}" if upcoming["at"] else "none is due"
    yield f"  next message: {when}: {upcoming['reason']}"


def _sent(sent: Document) -> Iterator[str]:
    yield (
        f"  {clock(sent['created_at'])} {sent['status']}: {sent['reason']}"
        f" -> {sent['state']}, key {sent['dedup_key']}"
    )
    for one in sent["attempts"]:
        code = f"{one['status_code']} " if one["status_code"] else ""
        mark = "ok" if one["delivered"] else "failed"
        yield (
            f"    attempt {one['attempt']} at {clock(one['at'])}, {one['duration_ms']:.0f} ms:"
            f" {mark}: {code}{one['detail']}"
        )
    if sent["next_attempt_at"] and sent["state"] == "pending":
        yield f"    next attempt at {clock(sent['next_attempt_at'])}"


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def clock(moment: datetime | str | None) -> str:
    """`2026-03-01 12:00:00Z`."""
    if moment is None:
        return "an unknown time"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
