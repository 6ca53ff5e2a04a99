"""Alerts on a real database and real sockets, in this process alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

import migrations
from alerts.matchers import parse
from alerts.silences import Silence
from core import database
from core.database import query, unit_of_work
from core.errors import DeliveryError
from core.settings import settings
from tests.conftest import eventually
from tests.sinks import Sinks
from workers import acknowledging, alerting, delivery, silences, upkeep

NOW = datetime.now(UTC) - timedelta(minutes=5)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def alone(stores: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database of our own, so that no farm delivers or ends anything; the path of alerts.yaml."""
    with closing(psycopg2.connect(stores.database_url)) as server:
        server.autocommit = True
        server.cursor().execute("CREATE DATABASE alone")
    url = urlsplit(stores.database_url)._replace(path="/alone").geturl()
    migrations.upgrade(url)
    file = tmp_path_factory.mktemp("alone") / "alerts.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        patch.setenv("ALERTS_FILE", str(file))
        settings.cache_clear()
        yield file
        database.engine().dispose()
    settings.cache_clear()


@contextmanager
def receivers(file: Path, **ports: int) -> Iterator[None]:
    """These webhooks on this machine are the receivers."""
    entries = [
        f"{{name: {name}, type: webhook, config: {{url: 'http://127.0.0.1:{port}/{name}'}}}}"
        for name, port in ports.items()
    ]
    file.write_text(
        f"routing: [{{match: {{severity: warning}}, receivers: [{', '.join(ports)}]}}]\n"
        f"receivers: [{', '.join(entries)}]\n"
    )
    delivery.config.cache_clear()
    try:
        yield
    finally:
        delivery.config.cache_clear()


@pytest.fixture
def clean(alone: Path) -> Path:
    with unit_of_work() as work:
        work.execute(
            "TRUNCATE alerts, alert_groups, alert_rounds, silences, anomalies, notifications,"
            " detector_ticks CASCADE"
        )
    return alone


def anomaly(detector: str, **labels: str) -> Any:
    """An anomaly of this detector and the alert it raised."""
    with unit_of_work() as work:
        found = work.execute(
            "INSERT INTO anomalies (id, detector_id, severity, metric, labels, window_start,"
            " window_end, value, message, created_at) VALUES (gen_random_uuid(), :detector,"
            " 'warning', 'cost', '{}', :now, :now, 1, 'much', :now) RETURNING id",
            detector=detector,
            now=NOW,
        ).scalar_one()
        raised = {"alertname": detector, "severity": "warning", **labels}
        alerting.fire(work, "default", raised, {}, found, NOW, NOW)
    return found


def outcome(receiver: str) -> list[dict[str, Any]]:
    """The receiver's notifications with their attempts."""
    return query(
        "SELECT n.state, n.attempts, a.delivered, a.detail FROM notifications n"
        " LEFT JOIN notification_attempts a ON a.notification_id = n.id"
        " WHERE n.receiver = :receiver ORDER BY n.id, a.attempt",
        receiver=receiver,
    )


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_receiver_that_hangs_delays_no_other(clean: Path, silent: int, sinks: Sinks) -> None:
    def told() -> bool:
        delivery.deliver_due()
        return len(sinks.posted("/works")) == 2 * delivery.SENDERS

    with receivers(clean, hangs=silent, works=sinks.http_port):
        for number in range(2 * delivery.SENDERS):
            anomaly(f"detector-{number}")
        assert alerting.decide_all(NOW) == 4 * delivery.SENDERS
        assert eventually(told, within=8)
        under_way = [one["state"] for one in outcome("hangs")].count("sending")
        assert under_way == delivery.SHARE


def test_an_unexpected_fault_of_a_receiver_is_an_attempt_to_be_repeated(
    clean: Path, sinks: Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receivers(clean, broken=sinks.http_port):
        monkeypatch.setattr(delivery.config().receivers["broken"], "send", lambda *_: {}["secret"])
        anomaly("cost")
        alerting.decide_all(NOW)
        assert delivery.deliver_due() == 1
        fault = {"state": "pending", "attempts": 1, "delivered": False, "detail": "KeyError"}
        assert outcome("broken") == [fault]
        with pytest.raises(DeliveryError, match="KeyError"):
            delivery.send_test("broken")


def test_what_a_process_left_behind_is_sent_when_its_lease_ends(clean: Path, sinks: Sinks) -> None:
    with receivers(clean, left=sinks.http_port):
        anomaly("cost")
        alerting.decide_all(NOW)
        query("UPDATE notifications SET state = 'sending', lease_until = now() RETURNING 1")
        assert delivery.deliver_due() == 1
        assert [one["state"] for one in outcome("left")] == ["delivered"]


def still_open() -> set[tuple[str, str]]:
    rows = query(
        "SELECT detector_id, a.status FROM anomalies o JOIN alerts a ON a.anomaly_id = o.id"
        " WHERE o.ended_at IS NULL"
    )
    return {(row["detector_id"], row["status"]) for row in rows}


def test_the_alerts_of_a_detector_that_is_gone_end(clean: Path) -> None:
    for detector in ("kept", "renamed", "disabled"):
        anomaly(detector)
    for expected in (2, 0):
        with unit_of_work() as work:
            assert alerting.end_orphans(work, ["kept", "new"], NOW) == expected
    assert still_open() == {("kept", "firing")}
    ended = query("SELECT ends_at FROM alerts WHERE status = 'resolved'")
    assert [row["ends_at"] for row in ended] == [NOW, NOW]


@pytest.mark.parametrize("tenant", ["default", "another"])
def test_what_a_worker_with_another_file_evaluates_goes_on(clean: Path, tenant: str) -> None:
    """Two workers, while detectors.yaml is being changed, take the ticks in turns."""
    for detector in ("theirs", "gone"):
        anomaly(detector)
    query("UPDATE anomalies SET tenant = :tenant RETURNING 1", tenant=tenant)
    interval = timedelta(seconds=settings().detector_interval)
    last = {"theirs": 11, "gone": 12}
    with unit_of_work() as work:
        for detector, ticks_ago in last.items():
            work.execute(
                "INSERT INTO detector_ticks (detector_id, tick) VALUES (:detector, :tick)",
                detector=detector,
                tick=NOW - ticks_ago * interval,
            )
        assert alerting.end_orphans(work, ["ours"], NOW) == 1
    assert still_open() == {("theirs", "firing")}
    with unit_of_work() as work:
        assert alerting.end_orphans(work, ["ours"], NOW + interval) == 1


def test_without_any_enabled_detector_every_anomaly_ends(clean: Path) -> None:
    anomaly("last")
    with unit_of_work() as work:
        assert alerting.end_orphans(work, [], NOW) == 1
    assert still_open() == set()


def ago(table: str, column: str, days: float, where: str) -> None:
    moment = NOW - days * DAY
    query(f"UPDATE {table} SET {column} = :at WHERE {where} RETURNING 1", at=moment)


@pytest.fixture
def history(clean: Path, sinks: Sinks) -> Path:
    """One alert and its group of each age and kind, told to a receiver and over unless firing."""
    with receivers(clean, past=sinks.http_port):
        names = ("fresh", "old", "owing", "firing")
        ended = [anomaly(name) for name in names][:3]
        alerting.decide_all(NOW)
        delivery.deliver_due()
        with unit_of_work() as work:
            for each in ended:
                alerting.resolve(work, each, NOW)
        alerting.decide_all(NOW + timedelta(minutes=1))
        delivery.deliver_due()
    return clean


def left(table: str, column: str) -> set[str]:
    return {str(row["name"]) for row in query(f"SELECT {column} AS name FROM {table}")}


def test_upkeep_forgets_groups_that_have_been_idle_for_a_day(history: Path) -> None:
    name = "state -> 'group_labels' ->> 'alertname'"
    ago("alert_groups", "updated_at", 2, f"{name} <> 'fresh'")
    query(
        "UPDATE alert_groups SET state = jsonb_set(state, '{told,owed}', jsonb_build_object('one',"
        f" updated_at)) WHERE {name} = 'owing' RETURNING 1"
    )
    assert upkeep.tidy()["groups_forgotten"] == 1
    assert left("alert_groups", name) == {"fresh", "owing", "firing"}


def test_upkeep_keeps_resolved_alerts_as_long_as_rollups(history: Path) -> None:
    ago("alerts", "ends_at", 91, "name = 'old'")
    ago("alerts", "ends_at", 89, "name = 'owing'")
    ago("alerts", "starts_at", 91, "name = 'firing'")
    assert upkeep.tidy()["alerts_forgotten"] == 1
    assert left("alerts", "name") == {"fresh", "owing", "firing"}


def test_an_alert_is_kept_until_its_end_is_told_however_short_the_retention(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = settings().model_copy(update={"retention_aggregated": "1h"})
    monkeypatch.setattr(upkeep, "settings", lambda: short)
    ago("alerts", "ends_at", 0.5, "name = 'old'")
    assert upkeep.tidy()["alerts_forgotten"] == 0


def test_upkeep_keeps_notifications_for_ninety_days_and_unsent_ones_for_ever(
    history: Path,
) -> None:
    group = "payload -> 'group_labels' ->> 'alertname'"
    ago("notifications", "created_at", 91, f"{group} IN ('old', 'owing')")
    ago("notifications", "created_at", 89, f"{group} = 'fresh'")
    query(f"UPDATE notifications SET state = 'pending' WHERE {group} = 'owing' RETURNING 1")
    assert upkeep.tidy()["notifications_forgotten"] == 2
    assert left("notifications", group) == {"fresh", "owing", "firing"}
    assert query("SELECT count(*) AS n FROM notification_attempts")[0]["n"] == 5


def decided(receiver: str) -> list[tuple[str, str]]:
    rows = query(
        "SELECT status, state FROM notifications WHERE receiver = :name ORDER BY id", name=receiver
    )
    return [(row["status"], row["state"]) for row in rows]


def test_no_end_overtakes_the_beginning_that_is_still_tried(clean: Path, sinks: Sinks) -> None:
    with receivers(clean, slow=sinks.http_port):
        found = anomaly("cost")
        alerting.decide_all(NOW)
        query("UPDATE notifications SET next_attempt_at = now() + interval '1 hour' RETURNING 1")
        with unit_of_work() as work:
            alerting.resolve(work, found, NOW + timedelta(seconds=1))
        alerting.decide_all(NOW + timedelta(seconds=10))
        assert delivery.deliver_due() == 0
        assert decided("slow") == [("firing", "pending"), ("resolved", "pending")]


def test_what_a_receiver_refuses_for_good_is_decided_anew_at_the_next_look(
    clean: Path, sinks: Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise DeliveryError("no", permanent=True, status=404)

    with receivers(clean, choosy=sinks.http_port):
        anomaly("cost")
        alerting.decide_all(NOW)
        with monkeypatch.context() as patch:
            patch.setattr(delivery.config().receivers["choosy"], "send", refuse)
            delivery.deliver_due()
        assert alerting.decide_all(NOW + timedelta(seconds=10)) == 1
        delivery.deliver_due()
        assert decided("choosy") == [("firing", "failed"), ("firing", "delivered")]


def test_an_acknowledged_alert_is_not_repeated(clean: Path, sinks: Sinks) -> None:
    with receivers(clean, calm=sinks.http_port):
        anomaly("cost")
        alerting.decide_all(NOW)
        alert_id = query("SELECT id FROM alerts")[0]["id"]
        acknowledging.acknowledge(alert_id, "default", "ann", "on it", NOW)
        assert alerting.decide_all(NOW + timedelta(days=1)) == 0
        acknowledging.withdraw(alert_id, "default")
        assert alerting.decide_all(NOW + timedelta(days=2)) == 1


def test_a_silenced_alert_is_told_when_its_silence_is_over(clean: Path, sinks: Sinks) -> None:
    quiet = Silence("", parse("alertname=cost"), NOW - DAY, datetime.now(UTC) + DAY, "ann", "known")
    with receivers(clean, later=sinks.http_port):
        made = silences.create(quiet, "default", NOW)
        anomaly("cost")
        assert alerting.decide_all(NOW) == 0
        silences.expire(made, "default", NOW + timedelta(seconds=5))
        assert alerting.decide_all(NOW + timedelta(seconds=10)) == 1


def test_the_sign_of_life_is_sent_at_every_interval(clean: Path, sinks: Sinks) -> None:
    with receivers(clean, watcher=sinks.http_port):
        clean.write_text(clean.read_text() + "heartbeat: {receiver: watcher, interval: 1m}\n")
        delivery.config.cache_clear()
        sent = [alerting.decide_all(NOW + timedelta(seconds=second)) for second in (0, 30, 60, 120)]
        assert sent == [1, 0, 1, 1]


def test_while_one_decides_another_leaves_it_alone(clean: Path, sinks: Sinks) -> None:
    with receivers(clean, one=sinks.http_port):
        anomaly("cost")
        with unit_of_work() as work:
            work.execute("SELECT pg_advisory_xact_lock(:key)", key=alerting.DECIDER_LOCK)
            assert alerting.decide_all(NOW) == 0
        assert alerting.decide_all(NOW) == 1
