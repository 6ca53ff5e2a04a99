from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from alert_cases import NOW, at

from alerts.config import AlertConfig, parse_alerts
from alerts.matchers import parse
from alerts.nouns import Alert
from alerts.paths import paths
from alerts.plan import GroupState
from alerts.rounds import Key, Round, Router
from alerts.silences import Silence
from alerts.why import Destination, destinations
from alerts.why_words import receiver

TREE = """
route:
  receiver: fallback
  group_by: [alertname]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 1h
  routes:
    - {matchers: [team="sea"], receiver: sailors}
    - {matchers: [severity="critical"], receiver: pager, continue: true, escalate_after: 15m,
       escalate_to: [boss], routes: [{matchers: [app=~"shop|till"], receiver: shopkeepers}]}
    - {matchers: [severity=~"crit.*"], receiver: log, mute_time_intervals: [always]}
    - {matchers: [severity!=""], receiver: rest}
inhibit_rules:
  - {source_matchers: [alertname="outage"], target_matchers: [alertname="slow"], equal: [app]}
time_intervals: [{name: always, time_intervals: [{}]}]
receivers: [{name: fallback}, {name: sailors}, {name: pager}, {name: boss}, {name: shopkeepers},
            {name: log}, {name: rest}]
"""
CONFIG = parse_alerts(TREE)


def slow(**labels: str) -> Alert:
    named = {"alertname": "slow", "severity": "critical", "app": "shop", **labels}
    return Alert(named, NOW, NOW)


def looked(
    *alerts: Alert,
    seconds: float = 0,
    config: AlertConfig = CONFIG,
    states: Mapping[Key, GroupState] | None = None,
    silences: tuple[Silence, ...] = (),
) -> Round:
    return Round(Router(config), alerts, states or {}, silences, at(seconds))


def rounds(*moments: float, alerts: tuple[Alert, ...]) -> dict[Key, GroupState]:
    """The states after looking at these moments."""
    states: dict[Key, GroupState] = {}
    for moment in moments:
        for one in looked(*alerts, seconds=moment, states=states).decisions():
            states[one.state.group_key, one.state.receiver] = one.state
    return states


def by_name(found: list[Destination]) -> dict[str, Destination]:
    return {one.target.receiver: one for one in found}


def test_the_way_names_what_matched_and_what_the_siblings_said() -> None:
    first, second = paths(CONFIG.tree, slow().labels)
    assert [step.place for step in first.steps] == [
        "route",
        "route.routes[1]",
        "route.routes[1].routes[0]",
    ]
    assert first.steps[2].because == 'app=~"shop|till" is met: app is "shop"'
    assert [(one.place, one.because) for one in first.steps[1].others] == [
        ("route.routes[0]", 'team="sea" is not met: there is no team'),
        ("route.routes[2]", "matches as well"),
        ("route.routes[3]", "not asked, as route.routes[2] matches without continue"),
    ]
    assert second.node.receivers == ("log",)


def test_a_route_whose_own_routes_all_decline_says_what_they_said() -> None:
    first, _ = paths(CONFIG.tree, slow(app="bank").labels)
    assert first.node.receivers == ("pager",)
    assert [one.because for one in first.below] == ['app=~"shop|till" is not met: app is "bank"']


def test_an_alert_that_nobody_has_looked_at_waits_for_its_group() -> None:
    one = slow()
    found = by_name(destinations(one, looked(one)))
    assert found["shopkeepers"].next.at == at(10)
    assert "waits for group_wait until 2026-03-01 12:00:10Z" in found["shopkeepers"].next.reason


def test_a_told_alert_repeats_at_the_first_tick_after_the_interval() -> None:
    one = slow()
    states = rounds(0, 10, alerts=(one,))
    found = by_name(destinations(one, looked(one, seconds=30, states=states)))
    assert found["shopkeepers"].last == "firing"
    assert found["shopkeepers"].next.at == at(10 + 3600 + 60)
    assert "nothing changed since 2026-03-01 12:00:10Z" in found["shopkeepers"].next.reason


def test_the_predicted_message_is_the_one_that_the_rounds_send() -> None:
    one = slow()
    states = rounds(0, 10, alerts=(one,))
    due = by_name(destinations(one, looked(one, seconds=30, states=states)))["shopkeepers"].next.at
    assert due is not None
    moments = [10 + 60 * n for n in range(1, 70)]
    sent = []
    for moment in moments:
        for decision in looked(one, seconds=moment, states=states).decisions():
            states[decision.state.group_key, decision.state.receiver] = decision.state
            if decision.notification and decision.state.receiver == "shopkeepers":
                sent.append(at(moment))
    assert sent[0] == due


def test_a_silence_is_named_with_its_end_and_comment() -> None:
    one = slow()
    quiet = Silence("1", parse('app="shop"'), NOW, at(3600), "ann", "deploy")
    found = by_name(destinations(one, looked(one, seconds=20, silences=(quiet,))))
    said = "silenced by ann until 2026-03-01 13:00:00Z: deploy"
    assert found["shopkeepers"].muted == said
    assert found["shopkeepers"].next.at is None
    assert said in found["shopkeepers"].next.reason


def test_an_inhibiting_alert_is_named() -> None:
    one, outage = slow(), slow(alertname="outage")
    found = by_name(destinations(one, looked(one, outage)))
    assert found["shopkeepers"].muted == "inhibited by outage (inhibit_rules[0])"
    assert by_name(destinations(outage, looked(one, outage)))["shopkeepers"].muted == ""


def test_off_hours_mute_one_receiver_and_not_the_others() -> None:
    one = slow()
    found = by_name(destinations(one, looked(one)))
    assert found["log"].muted == "within the mute time interval always"
    assert found["shopkeepers"].muted == ""


def test_a_group_counts_its_company() -> None:
    one, other, stranger = slow(), slow(model="m2"), slow(alertname="odd")
    found = by_name(destinations(one, looked(one, other, stranger)))
    assert set(found["shopkeepers"].members) == {one.fingerprint, other.fingerprint}


def test_an_escalation_says_when_it_would_begin() -> None:
    one = slow(app="bank")
    states = rounds(0, 10, alerts=(one,))
    boss = by_name(destinations(one, looked(one, seconds=30, states=states)))["boss"]
    assert boss.next.at == at(10 + 900)
    seen = replace(one, acknowledged_by="ann")
    held = by_name(destinations(seen, looked(seen, seconds=30, states=states)))["boss"]
    assert (held.next.at, held.next.reason) == (
        None,
        "acknowledged by ann, so it does not escalate",
    )


def test_an_acknowledged_alert_does_not_repeat_and_says_by_whom() -> None:
    one = slow(app="bank")
    states = rounds(0, 10, alerts=(one,))
    seen = replace(one, acknowledged_by="ann")
    pager = by_name(destinations(seen, looked(seen, seconds=30, states=states)))["pager"]
    assert pager.next.at is None
    assert "acknowledged by ann" in pager.next.reason


def attempted(state: str, **more: object) -> dict[str, object]:
    attempt = {"attempt": 1, "at": NOW, "delivered": state == "delivered", "detail": "503 busy"}
    return {
        "state": state,
        "status": "firing",
        "delivered_at": NOW,
        "next_attempt_at": at(5),
        "attempts": [{**attempt, "status_code": 503, "duration_ms": 3.0}],
        **more,
    }


def outcome(*sent: dict[str, object]) -> str:
    one = slow()
    found = by_name(destinations(one, looked(one, seconds=timedelta(0).total_seconds())))
    return str(receiver(found["shopkeepers"], sent)["outcome"])


def test_the_outcome_is_half_a_sentence() -> None:
    assert outcome().startswith("shopkeepers has not been told: waits for group_wait")
    assert outcome(attempted("delivered")) == (
        "shopkeepers was told (firing) at 2026-03-01 12:00:00Z"
    )
    assert outcome(attempted("failed")) == (
        "shopkeepers was not reached and it was given up: 503 busy"
    )
    assert outcome(attempted("pending")) == (
        "on its way to shopkeepers, 1 attempts so far (503 busy),"
        " next attempt at 2026-03-01 12:00:05Z"
    )
