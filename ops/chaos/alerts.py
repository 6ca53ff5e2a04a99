"""Kills whoever decides and delivers alerts, between the two and anywhere else, and audits.

    python -m ops.chaos.alerts [--kills 200] [--seed N]

Two processes decide and deliver beside each other on stores of their own. Again and again an alert
is raised and one of the two, or both, are killed with SIGKILL, mostly after it was decided what to
tell and before it was delivered; others take their place. At the
end every group must have been delivered, decided once, and every message of one decision must carry
the same key. Exit status 1 when one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from ops.stores import own_stores

LEASE_SECONDS = 2.0
"""Of an attempt, so that what a killed process held is taken up within the run."""

_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Audit:
    """What was raised, decided and received."""

    kills: int
    groups: int
    missing: int
    decided_twice: int
    messages: int
    repeated: int
    strange_keys: int
    interrupted: int

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not (self.missing or self.decided_twice or self.strange_keys)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.groups} groups: {self.missing} missing,"
            f" {self.decided_twice} decided twice, {self.messages} messages of which"
            f" {self.repeated} repeat another's key, {self.strange_keys} with a key of no decision;"
            f" {self.interrupted} notifications had an attempt cut off"
        )


def _serve(port_file: Path, log: Path, seed: int) -> None:
    """A receiver that is slow at random and notes each message before it answers."""
    chance = random.Random(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(chance.random() * 0.1)
            line = {"key": self.headers["webhook-id"], "group": body["groupLabels"]["alertname"]}
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            time.sleep(chance.random() * 0.1)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port_file.with_suffix(".part").write_text(str(server.server_address[1]))
    port_file.with_suffix(".part").rename(port_file)
    server.serve_forever()


def _work() -> None:
    """Decide and deliver until killed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from core.database import TROUBLE
    from workers import alerting, delivery

    delivery.LEASE_SECONDS = LEASE_SECONDS
    while True:
        try:
            alerting.decide_and_deliver()
        except TROUBLE:
            time.sleep(0.05)
        time.sleep(0.01)


@contextmanager
def _running(target: Any, *arguments: Any) -> Iterator[Any]:
    process = _fork.Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _started() -> Any:
    process = _fork.Process(target=_work, daemon=True)
    process.start()
    return process


def storm(kills: int, seed: int, folder: Path) -> Audit:
    """Raise and kill so many times, on the database that the settings name; then audit."""
    chance = random.Random(seed)
    port_file, log = folder / "port", folder / "posts.jsonl"
    log.touch()
    with _running(_serve, port_file, log, seed):
        while not port_file.exists():
            time.sleep(0.02)
        url = f"http://127.0.0.1:{port_file.read_text()}/"
        hook = f"{{name: hook, type: webhook, config: {{url: '{url}'}}}}"
        file = Path(os.environ["ALERTS_FILE"])
        file.write_text(f"routing: [{{receivers: [hook]}}]\nreceivers: [{hook}]\n")
        workers = [_started(), _started()]
        try:
            for number in range(kills):
                _raise(number)
                if chance.random() < 0.8:
                    _decided(number)
                time.sleep(chance.random() * 0.2)
                for place in chance.choice(((0,), (1,), (0, 1))):
                    workers[place].kill()
                    workers[place].join()
                    workers[place] = _started()
            _settle(kills)
        finally:
            for one in workers:
                one.kill()
                one.join()
    return _audit(kills, [json.loads(line) for line in log.read_text().splitlines()])


def _raise(number: int) -> None:
    from core.database import unit_of_work
    from workers.alerting import fire

    now = datetime.now(UTC)
    labels = {"alertname": f"chaos-{number}", "severity": "warning"}
    with unit_of_work() as work:
        fire(work, "default", labels, {}, UUID(int=number + 1), now, now)


def _decided(number: int) -> None:
    """Wait until what to tell of an alert is written, so that a kill falls before delivery."""
    from core.database import single

    until = time.monotonic() + 2
    while time.monotonic() < until:
        if single("SELECT FROM notifications WHERE group_key LIKE :key", key=f'%"chaos-{number}"%'):
            return
        time.sleep(0.005)


def _settle(groups: int) -> None:
    """Wait until nothing is open any more."""
    from core.database import query

    until = time.monotonic() + 60 + 10 * LEASE_SECONDS
    while time.monotonic() < until:
        row = query(
            "SELECT count(*) AS made, count(*) FILTER (WHERE state = 'delivered') AS done"
            " FROM notifications"
        )[0]
        if row["made"] == row["done"] >= groups:
            return
        time.sleep(0.1)


def _audit(kills: int, posts: list[dict[str, str]]) -> Audit:
    from core.database import query

    rows = query(
        "SELECT payload -> 'group_labels' ->> 'alertname' AS name, dedup_key, attempts, (SELECT"
        " count(*) FROM notification_attempts a WHERE a.notification_id = n.id) AS recorded"
        " FROM notifications n"
    )
    keys = {(row["dedup_key"], row["name"]) for row in rows}
    decided = Counter(row["name"] for row in rows)
    received = {post["group"] for post in posts}
    sent = Counter(post["key"] for post in posts)
    return Audit(
        kills=kills,
        groups=kills,
        missing=sum(f"chaos-{number}" not in received for number in range(kills)),
        decided_twice=sum(count > 1 for count in decided.values()),
        messages=len(posts),
        repeated=sum(count - 1 for count in sent.values()),
        strange_keys=sum((post["key"], post["group"]) not in keys for post in posts),
        interrupted=sum(row["attempts"] > row["recorded"] for row in rows),
    )


def main() -> int:
    """Run on stores of its own and print the audit."""
    parser = argparse.ArgumentParser(prog="ops.chaos.alerts")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sentinel-chaos-") as home:
        os.environ["ALERTS_FILE"] = f"{home}/alerts.yaml"
        with own_stores():
            audit = storm(chosen.kills, chosen.seed, Path(home))
    print(audit)
    return 0 if audit.kept else 1


if __name__ == "__main__":
    sys.exit(main())
