"""The incidents of the two weeks: anomalies, the alerts that they raised, who was told."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

from core.ids import new_id
from reports.period import Period

_STORIES = (
    ("high-latency", "critical", "latency_ms", "contract-search", 7480.0, 1510.0, 9.7, 86, 165, 6),
    ("error-rate", "critical", "error_rate", "support-chat", 0.114, 0.012, 8.1, 86, 150, 4),
    ("cost-surge", "warning", "cost", "code-helper", 11.9, 6.2, 4.2, 111, 45, None),
    (
        "token-surge",
        "warning",
        "total_tokens",
        "shop-assistant",
        412_000.0,
        260_000.0,
        3.6,
        33,
        25,
        11,
    ),
)


def incidents(work: Any, period: Period, chance: random.Random, *, busy: bool) -> None:
    for name, severity, metric, application, value, usual, score, hour, minutes, ack in _STORIES[
        0 if busy else 2 :
    ]:
        anomaly, at = new_id(), period.start + timedelta(hours=hour, minutes=chance.randrange(60))
        ids = {"id": anomaly, "app": application, "at": at, "end": at + timedelta(minutes=minutes)}
        labels = {"alertname": f"{name}-alert", "severity": severity, "application": application}
        work.execute(
            "INSERT INTO anomalies (id, application_id, detector_id, severity, metric, labels,"
            " window_start, window_end, value, baseline, score, message, created_at, ended_at)"
            " VALUES (:id, :app, :name, :severity, :metric, CAST(:labels AS jsonb), :at, :at,"
            " :value, :usual, :score, :message, :at, :end)",
            **ids,
            name=name,
            severity=severity,
            metric=metric,
            labels=json.dumps({"application": application}),
            value=value,
            usual=usual,
            score=score,
            message=f"{metric} of {application} is {value:g}, usually {usual:g}",
        )
        work.execute(
            "INSERT INTO alerts (id, application_id, fingerprint, name, severity, labels,"
            " annotations, status, anomaly_id, starts_at, ends_at, updated_at) VALUES (:alert,"
            " :app, :print, :name, :severity, CAST(:labels AS jsonb), '{}', 'resolved', :id, :at,"
            " :end, :end)",
            **ids,
            alert=new_id(),
            print=anomaly.hex,
            name=labels["alertname"],
            severity=severity,
            labels=json.dumps(labels),
        )
        if ack is not None:
            work.execute(
                "UPDATE alerts SET acknowledged_at = :seen WHERE anomaly_id = :id",
                id=anomaly,
                seen=at + timedelta(minutes=ack),
            )
        for receiver in ("email-ops", "slack-incidents"):
            work.execute(
                "INSERT INTO notifications (id, application_id, group_key, receiver, status,"
                " reason, payload, alert_ids, dedup_key, state, attempts, created_at,"
                " delivered_at) VALUES (:note, :app, 'demo', :receiver, 'firing', 'a new group',"
                " '{}', '{}', :key, 'delivered', 1, :at, :at)",
                note=new_id(),
                app=application,
                receiver=receiver,
                key=new_id().hex,
                at=at,
            )
