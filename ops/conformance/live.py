"""Timed scenarios side by side: a live Alertmanager on loopback by the clock on the wall, and ours.

All scenarios run at once in one Alertmanager; a label `case` keeps them apart.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from alerts.replay import Replay
from core.ports import free_port

CLOSE = 0.5
"""Seconds by which the same message may differ."""
RESOLVE_TIMEOUT = "6s"
APART = 0.4
"""Seconds from the start of one scenario to that of the next, so that none waits for another."""

Case = Mapping[str, Any]


def read(file: Path) -> list[dict[str, Any]]:
    """The scenarios of a file, each with the timeout that all share here."""
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [{**case, "resolve_timeout": RESOLVE_TIMEOUT} for case in found]


def names(case: Case) -> list[str]:
    """The receivers of a scenario."""
    return [case["id"] + suffix for suffix in ("", *case.get("extra_receivers", ()))]


def document(cases: Sequence[Case], sink: int) -> dict[str, Any]:
    """One configuration that holds all scenarios."""
    routes, receivers, rules, intervals = [], [], [], []
    for case in cases:
        mark = f'case="{case["id"]}"'
        own: dict[str, Any] = {**case["route"], "matchers": [mark], "receiver": names(case)[0]}
        for key in ("mute", "active"):
            if key in case:
                own[f"{key}_time_intervals"] = [f"{case['id']}-{one}" for one in case[key]]
        if len(names(case)) > 1:
            own["routes"] = [{"receiver": one, "continue": True} for one in names(case)]
        routes.append(own)
        receivers += [
            {
                "name": name,
                "webhook_configs": [
                    {
                        "url": f"http://127.0.0.1:{sink}/{name}",
                        "send_resolved": case.get("send_resolved", True),
                    }
                ],
            }
            for name in names(case)
        ]
        rules += [
            {
                "source_matchers": [rule["source"], mark],
                "target_matchers": [rule["target"], mark],
                "equal": rule.get("equal", []),
            }
            for rule in case.get("inhibit", ())
        ]
        intervals += [
            {**one, "name": f"{case['id']}-{one['name']}"} for one in case.get("time_intervals", ())
        ]
    return {
        "global": {"resolve_timeout": RESOLVE_TIMEOUT},
        "route": {"receiver": "none", "routes": routes},
        "receivers": [{"name": "none"}, *receivers],
        "inhibit_rules": rules,
        "time_intervals": intervals,
    }


@dataclass
class Sink:
    """Takes what Alertmanager sends, and answers as the scenario says."""

    answers: dict[str, list[int]]
    begun: dict[str, float] = field(default_factory=dict)
    posts: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    port: int = 0

    def take(self, receiver: str, body: dict[str, Any]) -> int:
        """Note a post; the status to answer."""
        answers = self.answers.get(receiver)
        answer = answers.pop(0) if answers else 200
        group = {k: v for k, v in body["groupLabels"].items() if k != "case"}
        told = sorted([one["labels"]["i"], one["status"]] for one in body["alerts"])
        self.posts[receiver].append(
            {
                "t": time.monotonic() - self.begun[receiver],
                "receiver": receiver,
                "http": answer,
                "status": body["status"],
                "group": group,
                "alerts": told,
            }
        )
        return answer


@contextmanager
def listening(sink: Sink) -> Iterator[Sink]:
    """A web server for the sink."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(sink.take(self.path.lstrip("/"), body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()


@contextmanager
def alertmanager(config: Mapping[str, Any]) -> Iterator[httpx.Client]:
    """A live one, ready; a client of its API."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        port = free_port()
        running = subprocess.Popen(
            [
                "prometheus-alertmanager",
                f"--config.file={file}",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                _await(client, running)
                yield client
        finally:
            running.terminate()
            running.wait()


def _await(client: httpx.Client, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and running.poll() is None:
        try:
            if client.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the Alertmanager on loopback did not become ready")


def recorded(cases: Sequence[Case]) -> dict[str, list[dict[str, Any]]]:
    """What the live one sent, by scenario."""
    answers = {
        name: list(case.get("webhook_fails_first", ())) for case in cases for name in names(case)
    }
    with listening(Sink(answers)) as sink, alertmanager(document(cases, sink.port)) as client:
        begun = {
            case["id"]: time.monotonic() + 1 + number * APART for number, case in enumerate(cases)
        }
        sink.begun = {name: begun[case["id"]] for case in cases for name in names(case)}
        _play(cases, client, begun)
    return {case["id"]: [one for n in names(case) for one in sink.posts[n]] for case in cases}


def _play(cases: Sequence[Case], client: httpx.Client, begun: Mapping[str, float]) -> None:
    events = sorted(
        (
            (begun[case["id"]] + float(event["t"]), case, event)
            for case in cases
            for event in case["events"]
        ),
        key=lambda one: one[0],
    )
    silences: dict[str, str] = {}
    for at, case, event in events:
        time.sleep(max(0.0, at - time.monotonic()))
        _post(case, event, client, silences)
    last = max(begun[case["id"]] + float(case["observe_seconds"]) for case in cases)
    time.sleep(max(0.0, last - time.monotonic()))


def _post(case: Case, event: Mapping[str, Any], client: httpx.Client, made: dict[str, str]) -> None:
    now = datetime.now(UTC)
    op = event.get("op", "alert")
    if op == "expire":
        client.delete(f"/api/v2/silence/{made[case['id']]}").raise_for_status()
        return
    if op == "silence":
        wanted = {**event["matchers"], "case": case["id"]}
        begins = now + timedelta(seconds=float(event.get("start") or 0))
        answer = client.post(
            "/api/v2/silences",
            json={
                "matchers": [
                    {"name": name, "value": value, "isRegex": False}
                    for name, value in wanted.items()
                ],
                "startsAt": begins.isoformat(),
                "endsAt": (now + timedelta(seconds=float(event["secs"]))).isoformat(),
                "createdBy": "conformance",
                "comment": "a scenario",
            },
        )
        answer.raise_for_status()
        made[case["id"]] = answer.json()["silenceID"]
        return
    starts = now + timedelta(seconds=float(event.get("start") or 0))
    alert: dict[str, Any] = {
        "labels": {**event["labels"], "case": case["id"]},
        "annotations": event.get("ann") or {},
        "startsAt": starts.isoformat(),
    }
    if op == "resolve":
        alert["endsAt"] = now.isoformat()
    elif event.get("end") is not None:
        alert["endsAt"] = (now + timedelta(seconds=float(event["end"]))).isoformat()
    client.post("/api/v2/alerts", json=[alert]).raise_for_status()


def differences(case: Case, theirs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where our replay says another thing than the live one; empty for none.

    A retry may be twice as far off, since Alertmanager draws its waits at random.
    """
    until = float(case["observe_seconds"])
    told = [one for one in theirs if one["t"] <= until - CLOSE]
    ours = [one for one in Replay(case).run() if one["t"] <= until - CLOSE]
    found = []
    mine, yours = (sorted(each, key=_order) for each in (ours, told))
    failed = False
    for one, other in zip(mine, yours, strict=False):
        close = 2 * CLOSE if failed and one["status"] == other["status"] else CLOSE
        failed = other["http"] >= 500
        same = all(one[key] == other[key] for key in ("receiver", "http", "status", "group"))
        if not same or one["alerts"] != other["alerts"] or abs(one["t"] - other["t"]) > close:
            found.append(f"{case['id']}: ours {_brief(one)}, theirs {_brief(other)}")
    if len(mine) != len(yours):
        found.append(f"{case['id']}: ours sent {len(mine)}, theirs {len(yours)}")
    return found


def _order(one: Mapping[str, Any]) -> tuple[str, str, float]:
    return one["receiver"], json.dumps(one["group"], sort_keys=True), one["t"]


def _brief(one: Mapping[str, Any]) -> str:
    keys = ("receiver", "http", "status", "group", "alerts")
    return f"{one['t']:.2f} s " + " ".join(str(one[key]) for key in keys)
