"""Why an alert was told as it was, on a real database and real sockets, in this process alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

import migrations
from api.app import create_app
from cli.groups.alerts import command
from core import database
from core.database import query, unit_of_work
from core.settings import settings
from tests.conftest import eventually
from tests.sinks import Sinks
from workers import alert_config, alerting, delivery, detection

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
SOON = timedelta(seconds=1)

ALERTS = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 1h
  routes:
    - {{matchers: [severity="info"], receiver: nowhere}}
    - {{matchers: [application="shop"], receiver: mail, continue: true}}
    - {{matchers: [application=~"shop|till"]}}
    - {{matchers: [application="gone"], receiver: dead}}
inhibit_rules:
  - {{source_matchers: [alertname="outage"], target_matchers: [alertname!="outage"],
     equal: [application]}}
receivers:
  - name: hook
    type: webhook
    config: {{url: "http://127.0.0.1:{http}/why"}}
  - name: nowhere
  - name: dead
    type: webhook
    config: {{url: "http://127.0.0.1:1/dead-token-path"}}
  - name: mail
    type: email
    config: {{smtp: {{host: 127.0.0.1, port: {smtp}}}, from: farm@example.com, to: ops@example.com}}
"""
DETECTORS = """
detectors:
  - id: costs
    type: statistical
    config: {metric: cost, strategy: zscore, threshold: 3, window: 5m, group_by: [application]}
    actions: [{alert: costs, severity: warning}]
"""


@pytest.fixture(scope="module")
def alone(
    stores: Any, tmp_path_factory: pytest.TempPathFactory, sinks: Sinks
) -> Iterator[FlaskClient]:
    """The API of a farm of our own, whose alerts nobody else decides or delivers."""
    with closing(psycopg2.connect(stores.database_url)) as server:
        server.autocommit = True
        server.cursor().execute("CREATE DATABASE whyfarm")
    url = urlsplit(stores.database_url)._replace(path="/whyfarm").geturl()
    migrations.upgrade(url)
    home = tmp_path_factory.mktemp("why")
    (home / "alerts.yaml").write_text(ALERTS.format(http=sinks.http_port, smtp=sinks.smtp_port))
    (home / "detectors.yaml").write_text(DETECTORS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        patch.setenv("ALERTS_FILE", str(home / "alerts.yaml"))
        patch.setenv("DETECTORS_FILE", str(home / "detectors.yaml"))
        patch.setenv("EXTERNAL_URL", "https://farm.example.com/")
        _forget()
        yield create_app().test_client()
        database.engine().dispose()
    _forget()


def _forget() -> None:
    settings.cache_clear()
    detection.specs.cache_clear()
    alert_config.config.cache_clear()


@pytest.fixture
def api(alone: FlaskClient) -> FlaskClient:
    with unit_of_work() as work:
        work.execute(
            "TRUNCATE alerts, alert_groups, anomalies, notifications, silences, receiver_paces"
            " CASCADE"
        )
    return alone


def fire(name: str, application: str, severity: str = "warning", moment: datetime = NOW) -> str:
    """An anomaly and its alert; the alert's id."""
    with unit_of_work() as work:
        found = work.execute(
            "INSERT INTO anomalies (id, detector_id, severity, metric, labels, window_start,"
            " window_end, value, baseline, threshold, score, message, created_at) VALUES"
            " (gen_random_uuid(), :detector, :severity, 'cost', CAST(:labels AS jsonb), :start,"
            " :end, 9, 2, 3, 7, 'cost was 9', :end) RETURNING id",
            detector=name,
            severity=severity,
            labels=json.dumps({"application": application}),
            start=moment - timedelta(minutes=5),
            end=moment,
        ).scalar_one()
        labels = {"alertname": name, "severity": severity, "application": application}
        told = {"summary": "cost was 9", "runbook_url": "https://wiki.example.com/costs"}
        alerting.fire(work, "default", labels, told, found, moment, moment)
    rows = query("SELECT id FROM alerts WHERE anomaly_id = :found", found=found)
    return str(rows[0]["id"])


def look(moment: datetime = NOW) -> None:
    alerting.decide_all(moment)
    delivery.deliver_due()


def why(api: FlaskClient, alert: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/alerts/{alert}/why")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def silence(api: FlaskClient, **more: object) -> Any:
    body = {
        "matchers": [{"name": "application", "value": "shop", "isRegex": False}],
        "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "createdBy": "ann",
        "comment": "deploy",
        "startsAt": (NOW - timedelta(minutes=1)).isoformat(),
    }
    return api.post("/api/v1/silences", json={**body, **more})


def test_a_delivered_alert_names_anomaly_way_attempts_and_next_message(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    look()
    told = why(api, alert)
    assert (told["anomaly"]["value"], told["anomaly"]["baseline"]) == (9.0, 2.0)
    assert told["detector"]["strategy"] == "zscore"
    (one,) = told["receivers"]
    assert (one["receiver"], one["route"]) == ("hook", "route.routes[2]")
    assert [a["status_code"] for a in one["notifications"][0]["attempts"]] == [200]
    assert told["answer"].startswith("hook was told (firing) at ")
    due = datetime.fromisoformat(one["next"]["at"])
    assert due == NOW + timedelta(hours=1, seconds=10)


def test_the_way_through_the_tree_says_what_the_siblings_said(api: FlaskClient) -> None:
    (way,) = why(api, fire("costs", "till"))["routes"]
    assert way["steps"][1]["because"] == 'application=~"shop|till" is met: application is "till"'
    said = {one["place"]: one["because"] for one in way["steps"][1]["others"]}
    assert said == {
        "route.routes[0]": 'severity="info" is not met: severity is "warning"',
        "route.routes[1]": 'application="shop" is not met: application is "till"',
        "route.routes[3]": "not asked, as route.routes[2] matches without continue",
    }


def test_a_silenced_alert_says_by_whom_and_until_when(api: FlaskClient) -> None:
    alert = fire("costs", "shop")
    assert silence(api).status_code == 201
    look()
    told = why(api, alert)
    assert {one["receiver"] for one in told["receivers"]} == {"mail", "hook"}
    for one in told["receivers"]:
        assert one["muted"].startswith("silenced by ann until ")
        assert one["muted"].endswith(": deploy")
        assert (one["notifications"], one["next"]["at"]) == ([], None)


def test_an_inhibited_alert_names_what_inhibits_it(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    fire("outage", "till")
    look()
    assert why(api, alert)["receivers"][0]["muted"] == "inhibited by outage (inhibit_rules[0])"


def test_a_grouped_alert_counts_its_company_and_shares_the_message(api: FlaskClient) -> None:
    first, second = fire("costs", "till"), fire("costs", "other")
    third = fire("costs", "till2")
    look()
    told = [why(api, one)["receivers"][0] for one in (second, third)]
    assert [one["group"]["alerts"] for one in told] == [2, 2]
    assert told[0]["notifications"][0]["id"] == told[1]["notifications"][0]["id"]
    assert why(api, first)["receivers"][0]["group"]["alerts"] == 1


def test_an_alert_told_before_says_that_nothing_changed(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    look()
    look(NOW + timedelta(seconds=20))
    (one,) = why(api, alert)["receivers"]
    assert len(one["notifications"]) == 1
    assert "nothing changed since" in one["next"]["reason"]


def test_a_receiver_that_is_away_shows_each_attempt_and_no_secret(api: FlaskClient) -> None:
    alert = fire("costs", "gone")
    look()
    told = why(api, alert)
    (attempt,) = told["receivers"][0]["notifications"][0]["attempts"]
    assert not attempt["delivered"]
    assert "cannot be reached" in attempt["detail"]
    assert "on its way to dead, 1 attempts so far" in told["answer"]
    assert "dead-token-path" not in json.dumps(told)


def test_an_acknowledged_alert_does_not_repeat_until_it_is_withdrawn(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    look()
    url = f"/api/v1/alerts/{alert}/acknowledge"
    noted = api.post(url, json={"by": "ann", "comment": "on it"}).json
    assert (noted["acknowledged_by"], noted["acknowledgement"]) == ("ann", "on it")
    look(NOW + timedelta(hours=2))
    (one,) = why(api, alert)["receivers"]
    assert len(one["notifications"]) == 1
    assert "acknowledged by ann" in one["next"]["reason"]
    assert api.delete(url).json["acknowledged_by"] is None
    look(NOW + timedelta(hours=2, minutes=1))
    assert len(why(api, alert)["receivers"][0]["notifications"]) == 2


def test_an_alert_that_is_over_cannot_be_acknowledged(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    query("UPDATE alerts SET status = 'resolved', ends_at = :now RETURNING 1", now=NOW)
    assert api.post(f"/api/v1/alerts/{alert}/acknowledge", json={}).status_code == 409


def test_why_reads_as_text_by_api_and_command(api: FlaskClient) -> None:
    alert = fire("costs", "till")
    look()
    page = api.get(f"/api/v1/alerts/{alert}/why?format=text")
    assert page.content_type == "text/plain; charset=utf-8"
    done = CliRunner().invoke(command, ["why", alert], catch_exceptions=False)
    for said in (page.text, done.output):
        assert "costs (warning), firing since" in said
        assert "not by route.routes[0]: severity=" in said
        assert "attempt 1 at" in said
        assert "next message: at" in said
    asked = ["why", alert, "--json"]
    shown = json.loads(CliRunner().invoke(command, asked, catch_exceptions=False).output)
    assert shown["alert"]["id"] == alert


def test_why_of_an_unknown_alert_is_not_found(api: FlaskClient) -> None:
    answer = api.get("/api/v1/alerts/0190c000-0000-7000-8000-000000000000/why")
    assert answer.status_code == 404


def test_a_silence_is_made_read_changed_and_ended(api: FlaskClient) -> None:
    made = silence(api)
    url = made.headers["Location"]
    assert made.json["silenceID"] == made.json["id"] == url.rpartition("/")[2]
    assert made.json["status"] == {"state": "active"}
    assert made.json["matchers"] == [
        {"name": "application", "value": "shop", "isRegex": False, "isEqual": True}
    ]
    later = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    body = {key: made.json[key] for key in ("matchers", "createdBy", "comment")}
    changed = api.put(url, json={**body, "endsAt": later})
    assert changed.json["id"] == made.json["id"]
    assert api.delete(url).json["status"] == {"state": "expired"}
    assert api.put(url, json={**body, "endsAt": later}).status_code == 409


def test_an_active_silence_with_other_matchers_gives_way_to_another(api: FlaskClient) -> None:
    made = silence(api)
    wider = [{"name": "application", "value": "shop|till", "isRegex": True}]
    changed = silence(api, id=made.json["id"], matchers=wider)
    assert changed.json["id"] != made.json["id"]
    assert changed.json["replaces"] == made.json["id"]
    states = {
        one["id"]: one["status"]["state"] for one in api.get("/api/v1/silences").json["items"]
    }
    assert states == {made.json["id"]: "expired", changed.json["id"]: "active"}
    active = api.get("/api/v1/silences?state=active").json["items"]
    assert [one["id"] for one in active] == [changed.json["id"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a", "value": "("}]}, None),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "matchers[0].value"),
        ({"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}, "matchers"),
        ({"matchers": [{"name": "a b", "value": "x"}]}, "matchers[0].name"),
        ({"endsAt": "2020-01-01T00:00:00Z", "startsAt": "2019-01-01T00:00:00Z"}, "endsAt"),
        ({"endsAt": "2999-01-01T00:00:00Z", "startsAt": "2999-01-02T00:00:00Z"}, "endsAt"),
        ({"endsAt": "2999-01-01T00:00:00"}, "endsAt"),
        ({"createdBy": ""}, "createdBy"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_its_field(
    api: FlaskClient, change: dict[str, object], field: str | None
) -> None:
    answer = silence(api, **change)
    expected = (201, None) if field is None else (422, field)
    assert (answer.status_code, answer.json.get("field")) == expected


def test_a_later_mail_of_a_group_refers_to_the_first_and_carries_links(
    api: FlaskClient, sinks: Sinks
) -> None:
    alert = fire("thread", "shop")
    look()
    fire("thread", "shop2")
    query("UPDATE alerts SET status = 'resolved', ends_at = :at RETURNING 1", at=NOW + 5 * SOON)
    look(NOW + timedelta(seconds=20))
    mails = [mail for mail in sinks.mails if "thread" in str(mail["Subject"])]
    assert [mail["References"] for mail in mails] == [None, mails[0]["Message-ID"]]
    assert mails[1]["Subject"].startswith("[RESOLVED]")
    page = mails[0].get_payload()[1].get_payload(decode=True).decode()
    assert f"https://farm.example.com/api/v1/alerts/{alert}/why?format=text" in page
    assert 'href="https://wiki.example.com/costs"' in page


def events(application: str, costs: list[float]) -> None:
    """One event in the middle of each window before NOW, oldest first."""
    with unit_of_work() as work:
        for place, cost in enumerate(reversed(costs)):
            work.execute(
                "INSERT INTO telemetry (ts, event_id, application_id, event_type, status, cost,"
                " received_at) VALUES (:ts, :id, :application, 'llm.response', 'success', :cost,"
                " :ts)",
                ts=NOW - timedelta(minutes=5 * place + 2),
                id=f"{application}-{place}",
                application=application,
                cost=cost,
            )


def test_the_mail_of_an_anomaly_shows_the_metric_around_it(api: FlaskClient, sinks: Sinks) -> None:
    events("shop", [2.0, 1.5, 2.5, 2.0, 9.0])
    fire("costs", "shop")
    look()

    def arrived() -> Message | None:
        found = [one for one in sinks.mails if "[FIRING:1] costs (shop" in str(one["Subject"])]
        return found[0] if found else None

    mail = eventually(arrived)
    text = mail.get_payload()[0].get_payload(decode=True).decode()
    assert "cost ▁▁▂▁█ 9 USD, usually 2 USD (ordinary -1 to 5)" in text
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds[-2:] == ["text/html", "image/png"]


def test_a_receiver_hears_no_more_than_its_cap(
    api: FlaskClient, sinks: Sinks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "capped.yaml"
    capped = f'{{url: "http://127.0.0.1:{sinks.http_port}/capped", rate: 2/1h}}'
    file.write_text(
        f"route: {{receiver: c, group_by: ['...'], group_wait: 0s}}\n"
        f"receivers: [{{name: c, type: webhook, config: {capped}}}]\n"
    )
    monkeypatch.setenv("ALERTS_FILE", str(file))
    _forget()
    for application in ("a", "b", "c", "d"):
        fire("costs", application)
    look()
    monkeypatch.undo()
    _forget()
    assert len(sinks.posted("/capped")) == 2
    rows = query("SELECT state, attempts, next_attempt_at FROM notifications ORDER BY state")
    assert sorted((row["state"], row["attempts"]) for row in rows) == [
        ("delivered", 1),
        ("delivered", 1),
        ("pending", 0),
        ("pending", 0),
    ]
