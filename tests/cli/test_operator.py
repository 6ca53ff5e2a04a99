"""`sentinel-cli` against a running farm: output, exit status, and what to do next."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Farm

pytestmark = pytest.mark.farm

Done = subprocess.CompletedProcess[str]


def run(farm: Farm, *arguments: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "cli.operator", *arguments],
        cwd=ROOT,
        env=farm.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def rows(done: Done) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_a_key_is_made_listed_and_revoked(farm: Farm) -> None:
    made = json.loads(run(farm, "keys", "create", "ci", "--json").stdout)
    assert made["key"].startswith("sk-sentinel-")
    assert run(farm, "keys", "revoke", made["id"]).returncode == 0
    listed = {row["id"]: row for row in rows(run(farm, "keys", "list", "--json"))}
    assert listed[made["id"]]["revoked_at"] is not None
    assert made["key"] not in json.dumps(listed)


def test_revoking_an_unknown_key_says_where_to_look(farm: Farm) -> None:
    done = run(farm, "keys", "revoke", "01a2001f-3d8f-75e2-a974-ab6987b6bcc1")
    assert (done.returncode, "keys list" in done.stderr) == (2, True)


def test_the_engines_are_listed_with_class_and_modes(farm: Farm) -> None:
    found = {row["name"]: row for row in rows(run(farm, "engines", "list", "--json"))}
    assert found["jailbreak"]["class"] == "cpu"
    assert found["transformer_classifier"]["modes"] == ["thorough"]


def test_the_detectors_are_listed(farm: Farm) -> None:
    assert [row["id"] for row in rows(run(farm, "detectors", "list", "--json"))] == ["high-latency"]


@pytest.mark.parametrize(("latency", "anomalies"), [(9000, 1), (900, 0)])
def test_a_detector_is_tried_on_a_file(
    farm: Farm, tmp_path: Path, latency: int, anomalies: int
) -> None:
    event = {"timestamp": "2025-11-06T12:00:00Z", "data": {"latency_ms": latency}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    found = rows(run(farm, "detectors", "test", "high-latency", "--event", str(file), "--json"))
    assert len(found) == anomalies


def test_an_unknown_detector_names_the_known(farm: Farm) -> None:
    done = run(farm, "detectors", "test", "nope")
    assert (done.returncode, "known: high-latency" in done.stderr) == (2, True)


def test_a_receiver_is_tested_and_its_fate_shown(farm: Farm) -> None:
    assert run(farm, "alerts", "test", "hook").stdout == "hook: delivered\n"
    status = json.loads(run(farm, "alerts", "status", "--json").stdout)
    hook = next(one for one in status["receivers"] if one["receiver"] == "hook")
    assert int(hook["delivered"]) >= 1


def test_a_test_that_is_not_delivered_exits_with_1(farm: Farm, tmp_path: Path) -> None:
    broken = tmp_path / "alerts.yaml"
    broken.write_text(
        "routing: []\nreceivers: [{name: gone, type: webhook,"
        " config: {url: 'http://127.0.0.1:9/x'}}]"
    )
    farm.environment["ALERTS_FILE"], kept = str(broken), farm.environment["ALERTS_FILE"]
    try:
        done = run(farm, "alerts", "test", "gone")
    finally:
        farm.environment["ALERTS_FILE"] = kept
    assert (done.returncode, "not delivered" in done.stderr) == (1, True)


def test_storage_is_checked(farm: Farm) -> None:
    found = {row["check"]: row["ok"] for row in rows(run(farm, "storage", "check", "--json"))}
    assert found == {"database": True, "schema": True, "partitions": True, "broker": True}


def test_retention_is_shown(farm: Farm) -> None:
    found = {
        row["rows"]: row["kept"]
        for row in rows(run(farm, "storage", "retention", "show", "--json"))
    }
    raw = ("telemetry", "telemetry_contents", "telemetry_ids", "telemetry_rejects", "contents")
    aggregated = ("telemetry_minutes", "telemetry_hours")
    assert found == dict.fromkeys(raw, "7d") | dict.fromkeys(aggregated, "90d")


def test_version_needs_no_farm() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.operator", "version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "sentinel-cli")


def test_without_a_farm_it_says_what_to_set(farm: Farm, tmp_path: Path) -> None:
    done = run(farm, "--home", str(tmp_path), "alerts", "status")
    assert (done.returncode, "DATABASE_URL" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "group",
    ["keys", "engines", "policies", "detectors", "alerts", "jobs", "storage", "metrics"],
)
def test_every_group_has_help_with_an_example(farm: Farm, group: str) -> None:
    assert "Example:" in run(farm, group, "--help").stdout


def test_nothing_is_stuck(farm: Farm) -> None:
    done = run(farm, "jobs", "stuck")
    assert (done.returncode, done.stdout) == (0, "nothing is stuck\n")


def test_a_run_without_a_worker_is_stuck_and_says_why(farm: Farm) -> None:
    farm.stop("worker-cpu")
    try:
        job_id = farm.submit(text="hello, is anybody there")
        done = run(farm, "jobs", "stuck", "--older-than", "0", "--json")
    finally:
        farm.start("worker-cpu", "worker", "--class", "cpu")
    assert done.returncode == 1
    assert [(row["job"], row["why"]) for row in json.loads(done.stdout)] == [
        (job_id, "no worker serves queue cpu; start `sentinel worker --class cpu --lane single`")
    ]
    assert farm.finished(job_id)["status"] == "completed"


def test_a_job_is_shown_with_its_end(farm: Farm) -> None:
    job_id = farm.submit(text="a job to be shown")
    farm.finished(job_id)
    done = run(farm, "jobs", "show", job_id, "--json")
    shown = json.loads(done.stdout)
    assert (shown["state"], shown["items_done"], shown["open_runs"]) == ("completed", 1, [])


def test_a_job_that_is_not_there_says_where_to_look(farm: Farm) -> None:
    done = run(farm, "jobs", "show", "01a2001f-3d8f-75e2-a974-ab6987b6bcc1")
    assert (done.returncode, "list GET /api/v1/analyses" in done.stderr) == (2, True)
