"""Alertmanager's file into ours and back: nothing is lost that both know."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from alerts.config import AlertConfig, parse_alerts
from alerts.exchange import exported, imported
from alerts.tree import Node

ALERTMANAGER = r"""
global: {slack_api_url: "http://127.0.0.1/x", smtp_smarthost: "h:25", smtp_from: s@example.com,
         resolve_timeout: 6m}
route:
  receiver: all
  group_by: [alertname]
  routes:
  - {receiver: a, match: {severity: critical}, match_re: {app: a|b}, continue: true,
     mute_time_intervals: [nights]}
  - matchers: ['x!="1,2"', 'y=~"\\d+"']
    routes: [{receiver: pager, group_by: ['...'], group_wait: 0s, active_time_intervals: [days]}]
receivers:
- name: all
- {name: a, slack_configs: [{channel: "#x"}]}
- {name: both, slack_configs: [{channel: "#y", send_resolved: true}],
   email_configs: [{to: a@b.com}]}
- {name: pager, pagerduty_configs: [{routing_key: k, description: "{{ .x }}"}]}
- {name: hook, webhook_configs: [{url: "http://h/", max_alerts: 3, send_resolved: false}]}
- {name: mail, email_configs: [{to: "a@b.com, c@d.com", require_tls: false, auth_username: u,
   auth_password: p}]}
inhibit_rules:
- {source_match: {severity: critical}, target_match_re: {severity: warning|info}, equal: [app]}
mute_time_intervals:
- name: nights
  time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], years: [2026]}]
time_intervals:
- {name: days, time_intervals: [{weekdays: ['monday:friday'], location: Europe/Berlin}]}
"""

OURS = """
routing:
- {match: {severity: critical}, receivers: [ops, chat], repeat_interval: 15m, continue: true}
- {matchers: ['app=~"a|b"'], receivers: [chat], group_wait: 5s}
receivers:
- {name: ops, type: email, config: {smtp: {host: h, port: 25, starttls: never}, from: s@example.com,
   to: [a@b.com]}}
- {name: chat, type: slack, config: {webhookUrl: "http://h/"}}
"""


def meaning(config: AlertConfig) -> Any:
    """All that decides what is told: the tree without its places, receivers, rules, times."""
    return (
        [plain(node) for node in config.tree.walk()],
        config.parts,
        {name: (one.type, repr(one.config)) for name, one in config.receivers.items()},
        [(rule.source, rule.target, rule.equal) for rule in config.inhibitions],
        config.intervals,
        config.resolve_timeout,
    )


def plain(node: Node) -> tuple[Any, ...]:
    spans = (node.group_wait, node.group_interval, node.repeat_interval)
    conditions = sorted(map(str, node.matchers))
    return node.receivers, conditions, node.goes_on, node.group_by, spans, node.mute, node.active


def again(document: dict[str, Any]) -> AlertConfig:
    return parse_alerts(yaml.safe_dump(document, sort_keys=False))


def test_importing_changes_the_form_and_not_the_meaning() -> None:
    before = parse_alerts(ALERTMANAGER)
    assert meaning(again(imported(before).document)) == meaning(before)


def test_what_was_imported_is_exported_without_loss() -> None:
    before = parse_alerts(ALERTMANAGER)
    back = exported(again(imported(before).document))
    assert back.losses == ()
    assert meaning(again(back.document)) == meaning(before)


def test_importing_warns_of_what_has_no_effect_here() -> None:
    (warning,) = imported(parse_alerts(ALERTMANAGER)).losses
    assert "pagerduty_configs[0]: has no effect here: description" in warning


def test_a_flat_file_is_exported_as_a_tree_that_tells_the_same() -> None:
    made = exported(parse_alerts(OURS))
    root = made.document["route"]
    assert (root["receiver"], root["group_wait"]) == ("nobody", "0s")
    assert [one["receiver"] for one in root["routes"][0]["routes"]] == ["ops", "chat"]
    assert made.losses == ()


@pytest.mark.parametrize(
    ("key", "loss"),
    [
        ("heartbeat: {receiver: chat}", "heartbeat"),
        ("", "escalation"),
    ],
)
def test_what_alertmanager_has_no_word_for_is_named(key: str, loss: str) -> None:
    text = OURS.replace("group_wait: 5s", "escalate_after: 5m, escalate_to: [ops]") + key
    assert any(loss in one for one in exported(parse_alerts(text)).losses)
