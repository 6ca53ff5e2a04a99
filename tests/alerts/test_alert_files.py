from __future__ import annotations

from pathlib import Path

import pytest

from alerts.config import load_alerts, parse_alerts
from alerts.receivers import registry
from alerts.receivers.base import AnyReceiver
from alerts.tree import explain, route
from core.errors import ConfigError

HERE = Path(__file__).parent
ENVIRONMENT = {"SMTP_PASSWORD": "hush", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T"}


def load(name: str) -> dict[str, list[str]]:
    """The receivers that each severity goes to."""
    tree = load_alerts(HERE / name, environment=ENVIRONMENT).tree
    severities = ("critical", "warning", "info")
    return {s: [t.receiver for t in route(tree, {"severity": s})] for s in severities}


def test_the_standalone_file_of_the_guide_loads_as_printed() -> None:
    assert load("standalone.yaml") == {
        "critical": ["email-ops", "slack-incidents"],
        "warning": ["slack-monitoring"],
        "info": [],
    }


def test_the_configmap_of_the_guide_loads_as_printed() -> None:
    assert load("configmap.yaml") == {"critical": ["slack-incidents"], "warning": [], "info": []}


def test_the_receivers_of_the_guide_read_their_secrets_from_the_environment() -> None:
    receivers = load_alerts(HERE / "standalone.yaml", environment=ENVIRONMENT).receivers
    smtp = receivers["email-ops"].config.smtp
    assert (smtp.host, smtp.port, smtp.username) == ("smtp.gmail.com", 587, "alerts@example.com")
    assert smtp.password.get_secret_value() == "hush"
    assert "hush" not in repr(receivers) + repr(smtp)


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="SLACK_WEBHOOK_URL"):
        load_alerts(HERE / "configmap.yaml", environment={})


def test_the_flat_form_tells_at_once_and_repeats_as_given() -> None:
    tree = load_alerts(HERE / "standalone.yaml", environment=ENVIRONMENT).tree
    target = route(tree, {"severity": "critical"})[0]
    assert (target.group_wait, target.group_interval, target.repeat_interval) == (0, 10, 900)
    assert target.group_by == ("alertname",)


def test_an_alert_that_no_entry_matches_says_so() -> None:
    tree = load_alerts(HERE / "standalone.yaml", environment=ENVIRONMENT).tree
    assert explain(tree, {"severity": "info"}) == (
        "no entry of routing matches these labels, so no receiver is told"
    )
    assert explain(tree, {"severity": "warning"}) == (
        'routing[1] matches {severity="warning"}: slack-monitoring'
    )


def test_the_shipped_file_loads_without_any_variable_and_tells_nobody() -> None:
    shipped = load_alerts(environment={})
    assert route(shipped.tree, {"severity": "critical"}) == ()
    assert not shipped.receivers


HOOK = "receivers: [{name: a, type: webhook, config: {url: http://h/}}]\n"
FLAT = HOOK + "routing: [{match: {severity: critical}, receivers: [a]%s}]\n"
TREE = HOOK + "route: {receiver: a%s}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no route given"]),
        (FLAT % "" + "route: {receiver: a}", ["both routing and route"]),
        (FLAT % ", repeat_intervall: 1h", ["routing[0]", "'repeat_interval'"]),
        (FLAT % ", repeat_interval: 15", ["routing[0]", "repeat_interval", "15"]),
        (FLAT % ", repeat_interval: 0s", ["repeat_interval", "more than zero"]),
        (FLAT % ", repeat_interval: 999y", ["repeat_interval", "292 years"]),
        (FLAT % ", match_re: {app: '('}", ["match_re", "app", "not valid"]),
        (FLAT % ", match_re: {app: '(?=x)'}", ["look-around"]),
        (FLAT % ", match_re: {app: '(x)\\1'}", ["back-references"]),
        (FLAT.replace("critical}", "[x]}") % "", ["match", "severity", "text"]),
        (FLAT % ", matchers: [nonsense]", ["matchers", "'nonsense'"]),
        (FLAT % ", matchers: ['a=\"b']", ["matchers", "double quote"]),
        (FLAT.replace("[a]", "[aa]") % "", ["no receiver is named 'aa'", "did you mean 'a'"]),
        (FLAT.replace("[a]", "[a, a]") % "", ["routing[0]", "twice"]),
        (FLAT.replace("[a]", "[]") % "", ["routing[0]", "receivers"]),
        (TREE % ", matchers: [a=b]", ["root"]),
        (TREE % ", continue: true", ["root"]),
        (HOOK + "route: {group_by: [a]}", ["receiver: missing"]),
        (TREE % ", group_by: ['...', a]", ["group_by", "stand alone"]),
        (TREE % ", group_by: [1-a]", ["group_by", "'1-a'"]),
        (TREE % ", group_by: [a, a]", ["group_by", "twice"]),
        (TREE % ", group_interval: 0s", ["group_interval", "more than zero"]),
        (TREE % ", routes: [{receiver: zz}]", ["route.routes[0]", "'zz'"]),
        (TREE % "" + "inhibit_rules: [{equals: [a]}]", [":3", "inhibit_rules[0]", "'equal'"]),
        (TREE % ", routes: [{mute_time_intervals: [x]}]", ["time interval", "'x'"]),
        (TREE % "" + "time_intervals: [{name: ''}]", ["time_intervals[0]", "name: missing"]),
        (TREE.replace("receivers: [", "receivers: [{name: a}, ") % "", ["'a'", "twice"]),
        (FLAT.replace("type: webhook", "type: web-hook") % "", ["type", "'webhook'"]),
        (FLAT.replace("type: webhook, ", "") % "", ["type: missing"]),
        (FLAT.replace("url:", "urls:") % "", ["config", "unknown key 'urls'", "'url'"]),
        (FLAT.replace("http://h/", "ftp://secret") % "", ["config: url", "must be a URL"]),
        (FLAT.replace("/}", "/, secret: wh!sec}") % "", ["config: secret", "base64"]),
    ],
)
def test_a_mistake_is_refused_naming_file_place_and_nearest_word(
    text: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_alerts(text, "my.yaml")
    for word in ["my.yaml", *words]:
        assert word in str(caught.value)
    assert "wh!sec" not in str(caught.value)
    assert "ftp://" not in str(caught.value)


MAIL = (
    "routing: []\nreceivers: [{name: m, type: email, config: "
    "{smtp: {host: h%s}, from: s@example.com, to: %s}}]"
)


@pytest.mark.parametrize(
    ("smtp", "to", "words"),
    [
        (", prot: 25", "a@b.c", "config: smtp: unknown key 'prot'; did you mean 'port'"),
        (", port: 99999", "a@b.c", "smtp.port"),
        (", starttls: maybe", "a@b.c", "smtp.starttls"),
        ("", "nobody", "mail address"),
        ("", "[]", "to"),
        ("", "'a@b.c\\nBcc: x@y.z'", "mail address"),
    ],
)
def test_a_mistake_in_a_mail_receiver_names_the_key(smtp: str, to: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_alerts(MAIL % (smtp, to.replace("'", '"')))
    assert words in str(caught.value)


@pytest.mark.parametrize("to", ["a@b.c", "'a@b.c, d@e.f'", "[a@b.c, d@e.f]"])
def test_mail_goes_to_one_address_or_several(to: str) -> None:
    receiver = parse_alerts(MAIL % ("", to)).receivers["m"]
    assert receiver.config.to[0] == "a@b.c"


def test_in_a_tree_a_receiver_with_a_name_only_tells_nobody() -> None:
    loaded = parse_alerts("route: {receiver: 'null'}\nreceivers: [{name: 'null'}]")
    assert loaded.receivers["null"].type == "nowhere"


@pytest.mark.parametrize("kind", registry().values(), ids=lambda kind: kind.type)
def test_every_receiver_has_a_manual_and_values_for_its_retries(kind: type[AnyReceiver]) -> None:
    assert kind.__doc__
    assert kind.retry.attempts >= 1
    assert kind.Config.model_config["extra"] == "forbid"
