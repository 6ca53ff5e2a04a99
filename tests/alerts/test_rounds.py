"""Rounds of decisions: parts, muting, escalation, the sign of life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from alert_cases import at

from alerts.config import parse_alerts
from alerts.matchers import parse
from alerts.nouns import Alert
from alerts.plan import Decision, GroupState, delivered, refused
from alerts.rounds import Key, Round, Router
from alerts.silences import Silence

NAMES = "receivers: [{name: ops}, {name: boss}]\n"
QUICK = "group_wait: 0s, group_interval: 10s, repeat_interval: 1m"


def alert(name: str = "1", **labels: str) -> Alert:
    return Alert({"alertname": "cost", "i": name, **labels}, at(0), at(0))


class Story:
    """A configuration and what it has decided so far."""

    def __init__(self, text: str, *silences: Silence) -> None:
        self.router = Router(parse_alerts(text))
        self.states: dict[Key, GroupState] = {}
        self.silences = silences

    def look(self, seconds: float, alerts: Sequence[Alert]) -> list[Decision]:
        found = list(
            Round(self.router, alerts, self.states, self.silences, at(seconds)).decisions()
        )
        self.states |= {(d.state.group_key, d.state.receiver): d.state for d in found}
        return found

    def told(self, seconds: float, alerts: Sequence[Alert]) -> list[str]:
        return [d.state.receiver for d in self.look(seconds, alerts) if d.notification]


def silence(text: str, start: float, end: float) -> Silence:
    return Silence("s", parse(text), at(start), at(end), "ann", "known")


def test_a_receiver_of_several_parts_tells_each_of_them() -> None:
    story = Story(
        f"route: {{receiver: ops, {QUICK}}}\n"
        "receivers: [{name: ops, webhook_configs: [{url: http://h/}],"
        " pagerduty_configs: [{routing_key: k}]}]"
    )
    assert sorted(story.told(0, [alert()])) == ["ops/pagerduty", "ops/webhook"]


def test_what_nobody_acknowledges_goes_up_after_its_time() -> None:
    up = "escalate_after: 5m, escalate_to: [boss]"
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}, {up}}}")
    assert story.told(0, [alert()]) == ["ops"]
    assert "boss" not in story.told(299, [alert()])
    assert "boss" in story.told(300, [alert()])


def test_what_somebody_looks_after_does_not_go_up_and_is_not_repeated() -> None:
    up = "escalate_after: 5m, escalate_to: [boss]"
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}, {up}}}")
    story.look(0, [alert()])
    mine = replace(alert(), acknowledged_by="ann")
    (decision,) = story.look(300, [mine])
    assert decision.reason == "acknowledged by ann; no repeats until something changes"


def test_another_alert_in_the_group_is_told_although_one_is_acknowledged() -> None:
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}}}")
    story.look(0, [alert()])
    assert story.told(10, [replace(alert(), acknowledged_by="ann"), alert("2")]) == ["ops"]


def test_those_above_hear_of_the_end_of_what_they_were_told() -> None:
    up = "escalate_after: 5m, escalate_to: [boss]"
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}, {up}}}")
    for seconds in (0, 300):
        story.look(seconds, [alert()])
    over = replace(alert(), ends_at=at(305))
    assert sorted(story.told(310, [over])) == ["boss", "ops"]


def test_a_silence_says_by_whom_until_when_and_why() -> None:
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}}}", silence("i=1", 0, 20))
    (decision,) = story.look(0, [alert()])
    assert decision.reason == "muted: silenced by ann until 2026-03-01 12:00:20Z: known"
    assert story.told(20, [alert()]) == ["ops"]


def test_an_inhibited_alert_is_told_once_its_source_is_over() -> None:
    rule = "inhibit_rules: [{source_matchers: [s=c], target_matchers: [s=w], equal: [app]}]\n"
    story = Story(f"{NAMES}{rule}route: {{receiver: ops, {QUICK}, group_by: [s]}}")
    source, target = alert("1", s="c", app="a"), alert("2", s="w", app="a")
    assert [d.notification is None for d in story.look(0, [source, target])] == [False, True]
    story.look(10, [replace(source, ends_at=at(5)), target])
    assert [d.notification for d in story.look(20, [target])] == [None]


@pytest.mark.parametrize(
    ("labels", "muted"),
    [
        ({"s": "w", "app": "a"}, True),
        ({"s": "w", "app": "b"}, False),
        ({"s": "w"}, False),
        ({"s": "c", "app": "a"}, False),
    ],
)
def test_inhibition_needs_equal_labels_and_spares_what_fits_both_sides(
    labels: dict[str, str], muted: bool
) -> None:
    rule = 'inhibit_rules: [{source_matchers: ["s=c"], target_matchers: ["s=~c|w"], equal: [app]}]'
    config = parse_alerts(f"{NAMES}{rule}\nroute: {{receiver: ops}}")
    target = alert("2", **labels)
    round_ = Round(Router(config), [alert("1", s="c", app="a"), target], {}, (), at(0))
    (spot,) = round_.router.spots(target)
    assert bool(round_.muted(target, spot.target)) == muted


def test_a_receiver_that_wants_no_ends_is_told_of_none() -> None:
    story = Story(
        f"receivers: [{{name: ops, send_resolved: false}}]\nroute: {{receiver: ops, {QUICK}}}"
    )
    story.look(0, [alert()])
    assert story.told(10, [replace(alert(), ends_at=at(5))]) == []
    assert story.told(20, [alert()]) == ["ops"]


def test_what_a_receiver_refused_is_told_anew_at_the_next_look() -> None:
    story = Story(f"{NAMES}route: {{receiver: ops, {QUICK}}}")
    (first,) = story.look(0, [alert()])
    ((key, state),) = story.states.items()
    story.states[key] = refused(state, state.number)
    (again,) = story.look(10, [alert()])
    assert first.notification is not None
    assert again.notification is not None
    assert again.notification.dedup_key != first.notification.dedup_key
    assert delivered(story.states[key]).refusals == 0


def test_the_sign_of_life_is_told_at_every_interval() -> None:
    text = f"{NAMES}heartbeat: {{receiver: boss, interval: 1m}}\nroute: {{receiver: ops}}"
    beat = parse_alerts(text).heartbeat
    assert beat is not None
    assert (beat.target().receiver, beat.target().group_interval) == ("boss", 60)
