from __future__ import annotations

from typing import Any

import pytest
from alert_cases import lines

from alerts.config import parse_alerts
from alerts.matchers import Matcher, parse
from alerts.tree import explain, route
from core.errors import ConfigError


@pytest.mark.parametrize("case", lines("routes"), ids=lambda case: case["id"])
def test_an_alert_goes_where_alertmanager_sends_it(case: dict[str, Any]) -> None:
    tree = parse_alerts(case["config"]).tree
    targets = route(tree, case["labels"])
    assert [target.receiver for target in targets] == case["expected_receivers"]


NAMES = "receivers: [{name: a}, {name: b}, {name: c}, {name: d}]\n"


@pytest.mark.parametrize(
    ("routes", "labels", "receivers"),
    [
        ("[{receiver: b, match: {x: '1'}}, {receiver: c}]", {"x": "1"}, "b"),
        ("[{receiver: b, match: {x: '1'}, continue: true}, {receiver: c}]", {"x": "1"}, "b c"),
        ("[{receiver: b, match: {x: '1'}, continue: true}]", {"x": "1"}, "b"),
        ("[{receiver: b, match: {x: '1'}}]", {"x": "2"}, "a"),
        ("[{receiver: b, match: {x: ''}}]", {}, "b"),
        ("[{receiver: b, match_re: {x: 'ab'}}]", {"x": "abc"}, "a"),
        ("[{receiver: b, match_re: {x: 'a|ab'}}]", {"x": "ab"}, "b"),
        ("[{receiver: b, matchers: ['x!=1']}]", {}, "b"),
        ("[{receiver: b, matchers: ['x!~\"1|2\"']}]", {"x": "2"}, "a"),
        ("[{match: {x: '1'}, routes: [{receiver: d, match: {y: '1'}}]}]", {"x": "1"}, "a"),
        ("[{match: {x: 1}, routes: [{receiver: d}]}]", {"x": "1"}, "d"),
    ],
)
def test_the_first_match_wins_unless_it_continues(
    routes: str, labels: dict[str, str], receivers: str
) -> None:
    tree = parse_alerts(f"{NAMES}route: {{receiver: a, routes: {routes}}}").tree
    assert [target.receiver for target in route(tree, labels)] == receivers.split()


def test_children_inherit_what_they_do_not_say() -> None:
    tree = parse_alerts(
        NAMES + "route: {receiver: a, group_by: [x], group_wait: 1s, repeat_interval: 1d, "
        "routes: [{match: {k: v}, group_wait: 2s, routes: [{receiver: b, group_by: ['...']}]}]}"
    ).tree
    (target,) = route(tree, {"k": "v"})
    assert (target.receiver, target.group_by, target.group_wait) == ("b", None, 2)
    assert (target.group_interval, target.repeat_interval) == (300, 86400)
    assert target.path == '{}/{k="v"}/{}'


def test_siblings_with_equal_matchers_keep_their_groups_apart() -> None:
    both = "[{receiver: b, match: {k: v}, continue: true}, {receiver: b, match: {k: v}}]"
    tree = parse_alerts(f"{NAMES}route: {{receiver: a, routes: {both}}}").tree
    first, second = (target.group_key({"k": "v"}) for target in route(tree, {"k": "v"}))
    assert first != second


def test_a_flat_entry_may_hold_what_a_route_holds() -> None:
    tree = parse_alerts(
        NAMES.replace("}", ", type: nowhere}")
        + "routing: [{matchers: ['severity=~\"c.*\"'], receivers: [a, b], continue: true},"
        "{receivers: [c], group_by: [application], group_wait: 5s}]"
    ).tree
    labels = {"severity": "critical", "application": "shop"}
    assert [target.receiver for target in route(tree, labels)] == ["a", "b", "c"]
    assert route(tree, labels)[2].group_labels(labels) == {"application": "shop"}
    assert "routing[1] takes everything else: c" in explain(tree, labels)


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('a="b"', [("a", "=", "b")]),
        ('{a="b", c!~"d|e"}', [("a", "=", "b"), ("c", "!~", "d|e")]),
        ("a=b", [("a", "=", "b")]),
        (' a =~ "b c" ', [("a", "=~", "b c")]),
        ('a="b,c"', [("a", "=", "b,c")]),
        (r'a="\"\\\n\d"', [("a", "=", '"\\\n\\d')]),
        ('a=""', [("a", "=", "")]),
        ("a=", [("a", "=", "")]),
        ("", []),
    ],
)
def test_matchers_read_as_alertmanager_reads_them(
    text: str, matchers: list[tuple[str, str, str]]
) -> None:
    found = parse(text)
    assert [(one.name, one.operator, one.value) for one in found] == matchers
    assert parse(",".join(map(str, found))) == found


@pytest.mark.parametrize("text", ["a", '="b"', "1a=b", 'a="b', 'a="b"c"', 'a=b"', "a=~(", 'a==b"x'])
def test_a_broken_matcher_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_a_missing_label_counts_as_empty_and_digits_are_ascii() -> None:
    assert Matcher("a", "=~", "|x").matches({})
    assert not Matcher("a", "=~", ".+").matches({})
    assert not Matcher("a", "=~", r"\d").matches({"a": "٣"})
