from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from alert_cases import NOW, at, by_group, lines, played, recorded

from alerts.nouns import Alert, Status, fingerprint
from alerts.plan import Decision, GroupState, Phase, decide, new_group
from alerts.spans import span
from alerts.tree import Target

TARGET = Target("ops", "routing[0]", "{}", ("alertname",), 0, 10, 900)
LABELS = {"alertname": "high-cost-alert"}


def alert(name: str = "1", *, start: float = 0, end: float | None = None) -> Alert:
    return Alert({**LABELS, "i": name}, at(start), at(start), None if end is None else at(end))


def story(
    target: Target, *steps: tuple[float, list[Alert]], state: GroupState | None = None
) -> list[Decision]:
    """The decisions at each step, the state handed on as the caller does."""
    state, decisions = state or new_group(target, LABELS), []
    for seconds, alerts in steps:
        decisions.append(decide(state, alerts, target, at(seconds)))
        state = decisions[-1].state
    return decisions


@pytest.mark.parametrize(
    ("target", "steps", "last", "reason"),
    [
        pytest.param(
            TARGET, [(0, [alert()])], "send", "first notification: group_wait of 0s", id="at once"
        ),
        pytest.param(
            replace(TARGET, group_wait=30),
            [(0, [alert()])],
            "wait",
            "waits for group_wait until 2026-03-01 12:00:30Z",
            id="waits for company",
        ),
        pytest.param(
            replace(TARGET, group_wait=30),
            [(0, [alert(start=-31)])],
            "send",
            "group_wait of 30s has passed",
            id="an old alert has waited already",
        ),
        pytest.param(
            replace(TARGET, group_wait=30),
            [(0, [alert()]), (20, [alert(end=20)]), (30, [alert(end=20)])],
            "wait",
            "resolved before anyone was told",
            id="resolved within group_wait",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (3, [alert(), alert("2", start=3)])],
            "wait",
            "waits for group_interval until 2026-03-01 12:00:10Z",
            id="an addition waits",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (10, [alert(), alert("2", start=3)])],
            "send",
            "1 alert is firing that the last notification did not name",
            id="an addition at the tick",
        ),
        pytest.param(
            TARGET,
            [(0, [alert(), alert("2")]), (10, [alert(), alert("2", end=5)])],
            "send",
            "1 alert is resolved",
            id="partly resolved",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (10, [alert(end=5)])],
            "send",
            "every alert of the group has resolved",
            id="resolved",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (10, [alert(end=5)]), (20, [alert(end=5)])],
            "wait",
            "no alert of this group is firing",
            id="resolved only once",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (10, [alert()])],
            "wait",
            "nothing changed since 2026-03-01 12:00:00Z; repeats after 2026-03-01 12:15:00Z",
            id="nothing new",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (900, [alert()])],
            "wait",
            "nothing changed",
            id="not yet more than repeat_interval",
        ),
        pytest.param(
            TARGET,
            [(0, [alert()]), (910, [alert()])],
            "send",
            "repeat_interval of 15m has passed",
            id="repeats",
        ),
        pytest.param(TARGET, [(0, [])], "wait", "no alert of this group is firing", id="nothing"),
    ],
)
def test_what_is_told_and_why(
    target: Target, steps: list[tuple[float, list[Alert]]], last: str, reason: str
) -> None:
    decision = story(target, *steps)[-1]
    assert decision.action == last
    assert reason in decision.reason
    assert (decision.notification is not None) == (last == "send")


def test_a_partly_resolved_group_still_fires_and_names_both() -> None:
    told = story(TARGET, (0, [alert(), alert("2")]), (10, [alert(), alert("2", end=5)]))[-1]
    assert told.notification is not None
    assert told.notification.status is Status.FIRING
    assert [one.labels["i"] for one in told.notification.firing] == ["1"]
    assert [one.labels["i"] for one in told.notification.resolved] == ["2"]


def test_a_storm_of_one_alert_is_repeated_and_never_silenced() -> None:
    steps = [(second, [alert(start=second)]) for second in range(0, 7200, 5)]
    sent = [d.notification.at for d in story(TARGET, *steps) if d.notification]
    assert [(moment - NOW).total_seconds() for moment in sent] == [910 * n for n in range(8)]


def test_a_dedup_key_stands_for_one_decision_whoever_takes_it() -> None:
    first = [story(TARGET, (second, [alert()]))[0].notification for second in (0, 1)]
    again = story(TARGET, (0, [alert()]), (910, [alert()]))[-1].notification
    assert first[0] is not None
    assert first[1] is not None
    assert again is not None
    assert first[0].dedup_key == first[1].dedup_key != again.dedup_key


def test_equal_groups_of_two_tenants_have_their_own_dedup_keys() -> None:
    told = [
        story(TARGET, (0, [alert()]), state=new_group(TARGET, LABELS, scope))[0].notification
        for scope in ("one", "two")
    ]
    assert len({one.dedup_key for one in told if one}) == 2


def test_the_next_look_keeps_its_beat_however_late_the_caller_is() -> None:
    late = story(TARGET, (0, [alert()]), (37.2, [alert()]))[-1]
    assert late.next_at == at(40)


def test_an_emptied_group_keeps_its_beat_for_a_while_and_then_starts_anew() -> None:
    target = replace(TARGET, group_wait=2)
    before = [(0.0, [alert()]), (2.0, [alert()]), (12.0, [alert(end=5)])]
    soon = story(target, *before, (19, [alert(start=19)]))[-1]
    later = story(target, *before, (60, [alert(start=60)]))[-1]
    assert soon.next_at == at(22)
    assert later.next_at == at(62)
    assert later.state.phase is Phase.WAITING


def test_a_muted_alert_is_told_once_it_is_muted_no_more() -> None:
    muted = {alert().fingerprint: "silenced by ann until noon"}
    quiet = decide(new_group(TARGET, LABELS), [alert()], TARGET, at(0), muted)
    assert (quiet.action, quiet.reason) == ("wait", "muted: silenced by ann until noon")
    assert story(TARGET, (10, [alert()]), state=quiet.state)[0].action == "send"


def test_resolved_follows_a_told_firing_even_through_a_silence() -> None:
    told = story(TARGET, (0, [alert()]))[0].state
    over = [alert(end=5)]
    quiet = decide(told, over, TARGET, at(10), {alert().fingerprint: "silenced"})
    assert quiet.next_at == at(20)
    loud = story(TARGET, (20, over), state=quiet.state)[0]
    assert loud.reason == "every alert of the group has resolved"


def test_the_fingerprint_hangs_on_labels_alone() -> None:
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1", "c": ""})
    assert fingerprint({"a": "1,b=2"}) != fingerprint({"a": "1", "b": "2"})
    assert alert().fingerprint == replace(alert(), annotations={"x": "y"}).fingerprint


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.5, "0.5s"), (90, "1m30s"), (900, "15m"), (90000, "1d1h")]
)
def test_a_span_reads_as_operators_write_it(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize("case", lines("notify"), ids=lambda case: case["id"])
def test_a_recorded_scenario_plays_as_it_did_in_alertmanager(case: dict[str, Any]) -> None:
    told = played(case)
    expected = sorted(map(recorded, case["notifications"]), key=by_group)
    assert [one[1:] for one in told] == [one[1:] for one in expected]
    assert [one[0] for one in told] == pytest.approx([one[0] for one in expected], abs=0.5)
