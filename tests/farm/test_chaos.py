"""A minute of chaos: what was promised is kept, each promise once, whatever dies."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from ops.chaos.audit import FLAWS, TERMINAL, Tables, audit, kept
from ops.chaos.broker import events_in
from ops.chaos.farm import own_ends
from ops.chaos.picture import apart
from ops.chaos.promises import Promises
from ops.chaos.recovery import rank
from tests.conftest import ROOT

pytestmark = pytest.mark.farm

SHORT = ("--seconds=45", "--pause=2", "--batch=300", "--seed=73")
"""With this seed the API is struck first, so that its keys are free again before the audit."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the short form saw; every fault strikes in it unless the machine is very slow."""
    file = tmp_path_factory.mktemp("chaos") / "told.json"
    done = subprocess.run(
        [sys.executable, "-m", "ops.chaos", *SHORT, f"--json={file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert file.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return {**json.loads(file.read_text()), "said": done.stdout, "status": done.returncode}


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_stuck(told: Mapping[str, Any]) -> None:
    assert {flaw: told[flaw] for flaw in FLAWS} == dict.fromkeys(FLAWS, 0)
    assert told["status"] == 0


def test_what_was_accepted_is_what_ended(told: Mapping[str, Any]) -> None:
    assert told["accepted"] == sum(told[state] for state in TERMINAL)
    assert told["accepted"] > 100
    assert told["events accepted"] > 1000


def test_the_faults_strike(told: Mapping[str, Any]) -> None:
    workers = {name for name in told["strikes"] if "CPU" in name}
    stores = {name for name in told["strikes"] if "Valkey" in name or "PostgreSQL" in name}
    assert len(workers) >= 3
    assert len(stores) >= 3
    assert len(told["strikes"]) >= 9


def test_progress_is_shown(told: Mapping[str, Any]) -> None:
    assert told["said"].count("s left") == sum(told["strikes"].values())


def test_recovery_is_measured_on_runs_that_were_struck(told: Mapping[str, Any]) -> None:
    measured = [figures for figures in told["recovery"].values() if figures["runs"]]
    assert measured
    assert all(figures["median"] <= figures["slowest"] for figures in measured)
    assert sum(figures["still waiting"] for figures in told["recovery"].values()) == 0


def audited(
    jobs: dict[str, tuple[str, int]], judged: dict[str, int], events: dict[str, int] | None = None
) -> dict[str, Any]:
    """The audit of a farm that promised jobs a and b, of two items each, and events e and f."""
    promises = Promises(events={"e", "f"})
    for job in ("a", "b"):
        promises.promise("batch", job, None)
    promises.tell("a", "completed")
    return audit(promises, Tables(jobs, judged, set(), events or {"e": 1, "f": 1}), {"f"})


DONE = ("completed", 2)


def test_promises_that_were_kept_pass() -> None:
    found = audited({"a": DONE, "b": ("failed", 2)}, {"a": 2})
    assert kept({**dict.fromkeys(FLAWS, 0), **found})


@pytest.mark.parametrize(
    ("flaw", "jobs", "judged", "events"),
    [
        ("lost", {"a": DONE}, {"a": 2}, None),
        ("lost", {"a": DONE, "b": DONE}, {"a": 2, "b": 1}, None),
        ("doubled", {"a": DONE, "b": DONE}, {"a": 2, "b": 3}, None),
        ("stuck", {"a": DONE, "b": ("running", 2)}, {"a": 2}, None),
        (
            "unknown and still open",
            {"a": DONE, "b": DONE, "c": ("queued", 1)},
            {"a": 2, "b": 2},
            None,
        ),
        ("ended otherwise than told", {"a": ("expired", 2), "b": DONE}, {"b": 2}, None),
        ("events lost", {"a": DONE, "b": DONE}, {"a": 2, "b": 2}, {"f": 1}),
        ("events doubled", {"a": DONE, "b": DONE}, {"a": 2, "b": 2}, {"e": 2, "f": 1}),
    ],
)
def test_each_flaw_is_found(
    flaw: str,
    jobs: dict[str, tuple[str, int]],
    judged: dict[str, int],
    events: dict[str, int] | None,
) -> None:
    found = audited(jobs, judged, events)
    assert found[flaw] == 1
    assert not kept({**dict.fromkeys(FLAWS, 0), **found})


def test_an_event_that_was_in_the_emptied_broker_is_counted_apart() -> None:
    found = audited({"a": DONE, "b": DONE}, {"a": 2, "b": 2}, {"e": 1})
    assert (found["events in the broker when it was emptied"], found["events lost"]) == (1, 0)


def test_a_key_that_gives_two_jobs_is_noted() -> None:
    promises = Promises()
    for job in ("a", "a", "b"):
        promises.promise("single", job, "key")
    assert promises.broken_keys == ["key"]


def test_rollups_that_differ_from_the_events_are_a_flaw() -> None:
    promises = Promises(events={"e"})
    found = audit(promises, Tables({}, {}, set(), {"e": 1}, (1, 2)), set())
    assert found["events counted otherwise than stored"] == 1


def test_a_program_that_was_not_killed_ended_by_itself() -> None:
    log = """
2026-11-26 07:00:01,000 WARN exited: worker-io (terminated by SIGKILL; not expected)
2026-11-26 07:00:02,000 INFO spawned: 'worker-io' with pid 17
2026-11-26 07:00:03,000 WARN exited: postgres (exit status 0; expected)
2026-11-26 07:00:04,000 WARN exited: worker-io (exit status 0; expected)
2026-11-26 07:00:05,000 WARN exited: beat (exit status 1; not expected)
"""
    assert own_ends(log) == ["worker-io", "beat"]


def test_events_are_found_in_batches_and_in_messages() -> None:
    first, second = (f"chaos-{digit * 24}" for digit in "12")
    one, two = (
        {"body": base64.b64encode(json.dumps([[[[event]]], {}, {}]).encode()).decode()}
        for event in (first, second)
    )
    third = f"chaos-{'3' * 24}"
    lines = f"key\t2025-11-06\tdefault\tchaos\t{third}\tmetric".encode()
    raw = [[json.dumps(one).encode()], [json.dumps([two, "", "io"]).encode()], [lines]]
    assert events_in(raw) == {first, second, third}


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert rank([1, 2, 3, 4], share) == value


def test_labels_keep_their_distance_and_stay_inside() -> None:
    assert apart([1, 1, 5, 9, 9.5], 2, 10) == [1, 3, 5, 8, 10]
