from __future__ import annotations

import json
from pathlib import Path

import pytest
from alert_cases import NOW
from alert_sinks import Make, Sink

from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from core.errors import ConfigError
from core.http import HttpClient


def slack(sink: Sink | None = None, **templates: object) -> AnyReceiver:
    config = {"webhookUrl": sink.url if sink else "http://127.0.0.1/x", "templates": templates}
    return make("alerts.yaml:7", "chat", "slack", config, HttpClient(allow_private=True))


def attachment(sink: Sink) -> dict[str, str]:
    return dict(json.loads(sink.requests[0][2])["attachments"][0])


def test_an_own_template_replaces_one_part_and_leaves_the_others(
    sink: Sink, notification: Make
) -> None:
    slack(sink, title="{{ common_labels.application }}: {{ firing_count }} bad").send(
        notification(), NOW
    )
    assert attachment(sink)["title"] == "shop: 1 bad"
    assert "cost was 7" in attachment(sink)["text"]


def test_a_template_may_stand_in_a_file(sink: Sink, notification: Make, tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("{% for one in firing %}<{{ one.runbook or 'no' }}>{% endfor %}")
    slack(sink, text={"file": str(file)}).send(notification(), NOW)
    assert attachment(sink)["text"] == "<no>"


BROKEN = [
    ("{{ oops", "line 1", "end of"),
    ("one\ntwo {% if %}", "line 2", "expected an expression"),
    ("one\n{{ statis }}", "line 2", "did you mean 'status'"),
    ("\n\n{% for one in alerts %}{{ one.sumary }}{% endfor %}", "line 3", "sumary"),
    ("\n{{ 'x'|center(9) }}", "line 2", "No filter named 'center'"),
    ("{{ ''.__class__.__mro__ }}", "line 1", "unsafe"),
    ("{{ names.format(1) }}", "line 1", "not safely callable"),
    ("{% include '/etc/passwd' %}", "line 1", "include"),
    ("{% macro a() %}{% endmacro %}", "line 1", "macros"),
    ("\n{% for a in range(999999999) %}{% endfor %}", "line 2", "range"),
    (
        "{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}",
        "line 1",
        "loop steps",
    ),
    ("{{ 9 ** 99999999 }}", "line 1", "ordinary size"),
    ("{{ 'a' * 999999999 }}", "line 1", "ordinary size"),
    ("{{ '%0999999999d' % 1 }}", "line 1", "ordinary size"),
    ("{% set x = 'aaaaaaaa' %}" + "\n{% set x = x ~ x %}" * 50, "line 16", "characters"),
    ("{% for a in range(999) %}{{ 'aaaaaaaaaa' ~ 'a' * 9 }}{% endfor %}" * 19, "", "ordinary"),
    ("{% for a in range(999) %}{{ 'a written text' }}{% endfor %}" * 19, "", "characters"),
    ("{{ alerts }}", "line 1", "loop over a list"),
    ("{% set x = [1] %}", "line 1", "no list"),
]


@pytest.mark.parametrize(("template", "line", "words"), BROKEN)
def test_a_broken_template_is_refused_at_load_with_its_line(
    template: str, line: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        slack(text=template)
    assert "alerts.yaml:7: config: templates: text: " in str(caught.value)
    assert line in str(caught.value)
    assert words.lower() in str(caught.value).lower()


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("fine\n{{ nonsense }}\n")
    with pytest.raises(ConfigError, match=r"chat\.txt:2: there is no 'nonsense'"):
        slack(text={"file": str(file)})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"text: .*gone\.txt cannot be read"):
        slack(text={"file": str(tmp_path / "gone.txt")})


def test_a_part_that_no_message_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no part is named 'titel'; did you mean 'title'"):
        slack(titel="x")


def test_a_template_that_fails_on_one_message_gives_way_and_says_so(
    sink: Sink, notification: Make
) -> None:
    odd = "{% if common_labels.application == 'odd' %}{{ 1 / 0 }}{% endif %}mine"
    slack(sink, text=odd).send(notification(application="odd"), NOW)
    text = attachment(sink)["text"]
    assert "cost was 7" in text
    assert "(template text, line 1: division by zero)" in text


def test_a_missing_annotation_is_empty_and_no_error(sink: Sink, notification: Make) -> None:
    slack(sink, text="[{{ common_annotations.nowhere }}]").send(notification(), NOW)
    assert attachment(sink)["text"] == "[]"


def webhook(sink: Sink, body: str) -> AnyReceiver:
    config = {"url": sink.url, "templates": {"body": body}}
    return make("here", "hook", "webhook", config, HttpClient(allow_private=True))


def test_the_body_of_a_webhook_may_be_a_template_of_json(sink: Sink, notification: Make) -> None:
    odd = 'a"b\n</script>'
    webhook(sink, '{"text": {{ title|tojson }}, "app": {{ about|tojson }}}').send(
        notification(application=odd), NOW
    )
    body = json.loads(sink.requests[0][2])
    assert body["text"].startswith("[FIRING:1] high-cost-alert")
    assert odd in body["app"]


def test_a_body_that_is_no_json_is_refused_at_load(sink: Sink) -> None:
    with pytest.raises(ConfigError, match="body: makes no JSON"):
        webhook(sink, '{"text": {{ title }} }')


def test_own_html_escapes_what_alerts_say(notification: Make) -> None:
    config = {
        "smtp": {"host": "127.0.0.1"},
        "from": "a@b.example",
        "to": "c@d.example",
        "templates": {"html": "<p>{{ common_annotations.summary }} {{ 'x' ~ names }}</p>"},
    }
    mail = make("here", "mail", "email", config, HttpClient())
    page = mail.templates.render("html", mail.view(notification(alertname="<i>")))
    assert page == "<p>cost was 7 &lt;b&gt;dollars&lt;/b&gt; &amp; rising x&lt;i&gt;</p>"


@pytest.mark.parametrize("rate", ["30", "0/1m", "x/1m", "5/", "5/0s", "5/2d", "-1/1m"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(ConfigError, match=r"rate: .*such as 30/1m|rate: the time"):
        make("here", "x", "webhook", {"url": "http://h/", "rate": rate}, HttpClient())


@pytest.mark.parametrize(("rate", "shown"), [("30/1m", "30 in 60 s"), ("1/s", "1 in 1 s")])
def test_a_rate_is_a_number_of_attempts_in_a_time(rate: str, shown: str) -> None:
    one = make("here", "x", "webhook", {"url": "http://h/", "rate": rate}, HttpClient())
    assert str(one.rate) == shown
