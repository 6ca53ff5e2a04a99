"""Measures the way of telemetry: posts against a handler that stores nothing, storing, reading.

    python -m ops.bench.telemetry [--rounds 3] [--clients 8] [--seconds 3] [--millions 10]

Starts a farm of its own in a temporary directory. "the same, storing nothing" is the farm's own
application in a second server, whose `accept` does nothing. Rates on a shared machine swing, so
processor microseconds for each event stand beside them; they change little.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg2
from rich.console import Console
from rich.table import Table

from core.ports import accepts, free_port
from core.settings import settings
from ops.bench.beside import START_SECONDS, THREADS, ask, running
from ops.bench.farm import Farm, own_farm
from ops.bench.figures import over_rounds
from ops.bench.wire import Connection, request

EVENTS = "/api/v1/telemetry/events"
STATS = "/api/v1/telemetry/stats"
BATCH = 500
SERIES = (5, 4)
"""Applications and models of the events that are read."""
CHUNK = 500_000
READINGS = 9
TAKERS = ("API", "gRPC receiver")
ROLES = {
    "tethered grpc": "gRPC receiver",
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "--class io": "io worker",
    "api": "API",
}


@contextmanager
def storing_nothing() -> Iterator[str]:
    """The farm's application without its `accept`; its URL."""
    port = free_port()
    options = ("--worker-class=gthread", "--workers=1", f"--threads={THREADS}", "--keep-alive=75")
    quiet = ("--log-level=error", "--no-control-socket", f"--bind=127.0.0.1:{port}")
    with running("gunicorn", *options, *quiet, "ops.bench.bare_telemetry:app") as process:
        until = time.monotonic() + START_SECONDS
        while not accepts("127.0.0.1", port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the handler that stores nothing did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def posts(url: str, chosen: argparse.Namespace, items: int, application: str) -> dict[str, Any]:
    """Posts of so many events by many clients in a closed loop."""
    return ask(
        "load",
        url=url,
        kind="events",
        salt=uuid4().hex,
        application=application,
        clients=chosen.clients,
        seconds=chosen.seconds,
        items=items,
    )


def rate(seen: Mapping[str, Any], items: int = 1) -> float:
    """Events accepted each second; refused posts do not count."""
    return float(seen["statuses"].get("202", 0)) * items / float(seen["spent"])


def used() -> dict[str, float]:
    """Seconds of processor time by role of everything below this process, with that of processes
    which have ended, such as a backend of PostgreSQL: their parents keep it."""
    found = dict.fromkeys(ROLES.values(), 0.0)
    for process in psutil.Process().children(recursive=True):
        try:
            line, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        role = next((name for word, name in ROLES.items() if word in line), None)
        if role:
            found[role] += sum(times[:4])
    return found


def stored(application: str) -> int:
    """Events of an application, as the rollups count them."""
    with psycopg2.connect(_url()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(events), 0) FROM telemetry_hours WHERE application_id = %s",
            (application,),
        )
        return int(cursor.fetchone()[0])


def followed(
    what: str, items: int, status: str, send: Callable[[str], Mapping[str, Any]], taker: str = "API"
) -> dict[str, float]:
    """Posts of so many events for a new application, as fast as `taker` accepts them, to the last
    rollup."""
    application = f"followed-{uuid4().hex[:8]}"
    before, begun = used(), time.monotonic()
    seen = send(application)
    sent = int(seen["statuses"].get(status, 0)) * items
    if not sent:
        raise SystemExit(f"{what}: nothing was accepted, but {seen['statuses']} answered")
    while stored(application) < sent:
        time.sleep(0.05)
    found = {
        f"{what}: events/s accepted": sent / float(seen["spent"]),
        f"{what}: events/s stored and rolled up": sent / (time.monotonic() - begun),
    }
    for role, seconds in used().items():
        if role not in TAKERS or role == taker:
            name = f"{what}: {role}, processor µs for each event"
            found[name] = (seconds - before[role]) / sent * 1e6
    return found


def batches(farm: Farm, chosen: argparse.Namespace) -> dict[str, float]:
    """Batches of events as JSON."""
    found = followed(
        "batches of 500", BATCH, "202", lambda name: posts(farm.url, chosen, BATCH, name)
    )
    storing = sum(
        found[f"batches of 500: {role}, processor µs for each event"]
        for role in ("PostgreSQL", "io worker", "Valkey")
    )
    found["storing and rolling up on two cores: events/s by processor time"] = 2e6 / storing
    return found


def otlp(farm: Farm, chosen: argparse.Namespace) -> dict[str, float]:
    """Spans by every way, in batches and one by one."""
    receiver = f"127.0.0.1:{settings().grpc_port}"
    ways = (
        ("OTLP/HTTP protobuf, 500 spans", "load", "spans-protobuf", BATCH),
        ("OTLP/HTTP protobuf, one span", "load", "spans-protobuf", 1),
        ("OTLP/HTTP JSON, 500 spans", "load", "spans-json", BATCH),
        ("OTLP/gRPC, 500 spans", "exports", "spans-protobuf", BATCH),
    )
    found: dict[str, float] = {}
    for what, program, kind, items in ways:
        send = functools.partial(
            _exports,
            program,
            url=receiver if program == "exports" else farm.url,
            kind=kind,
            items=items,
            clients=chosen.clients,
            seconds=chosen.seconds,
        )
        found |= followed(what, items, "200", send, TAKERS[program == "exports"])
    return found


def _exports(program: str, application: str, **asked: Any) -> dict[str, Any]:
    return ask(program, **asked, salt="", application=application)


def singles(farm: Farm, bare: str, chosen: argparse.Namespace) -> dict[str, float]:
    """Posts of one event, beside the same handler that stores nothing, right before and after."""
    application = f"singles-{uuid4().hex[:8]}"
    first = rate(posts(bare, chosen, 0, application))
    ours = rate(posts(farm.url, chosen, 0, application))
    nothing = (first + rate(posts(bare, chosen, 0, application))) / 2
    return {
        "posts of one event/s": ours,
        "the same, storing nothing/s": nothing,
        "posts of one event / the same, storing nothing": ours / nothing,
    }


def visible(farm: Farm, count: int) -> dict[str, float]:
    """Milliseconds from the answer 202 to the event's place in the stats."""
    connection, found = Connection(farm.url), []
    for _ in range(count):
        application = f"seen-{uuid4().hex[:12]}"
        moment = datetime.now(UTC).isoformat()
        one = {"event_id": "1", "timestamp": moment, "application_id": application}
        reply = connection.call(request("POST", EVENTS, farm.key, one))
        begun = time.perf_counter()
        if reply.status != 202:
            raise SystemExit(f"an event was answered {reply.status}")
        look = request("GET", f"{STATS}?application={application}", farm.key)
        while not connection.call(look).json()["items"]:
            time.sleep(0.002)
        found.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.05)
    quantiles = statistics.quantiles(found, n=100, method="inclusive")
    return {
        "accepted to visible in stats, ms p50": quantiles[49],
        "accepted to visible in stats, ms p99": quantiles[98],
    }


def fill(millions: float, console: Console) -> None:
    """Events of the last 24 hours, and their rollups, made by SQL."""
    applications, models = SERIES
    connection = psycopg2.connect(_url())
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SET sentinel.counted = 'on'; SET work_mem = '64MB'")
        rows = int(millions * 1e6)
        for start in range(0, rows, CHUNK):
            cursor.execute(
                "INSERT INTO telemetry (ts, application_id, event_id, event_type, model, status,"
                " latency_ms, prompt_tokens, completion_tokens, total_tokens, cost, environment,"
                " received_at) SELECT now() - interval '1 day' * (1 - n / %s), 'read-' || n %% %s,"
                " 'read-' || n, 'llm.response', 'model-' || n / %s %% %s,"
                " CASE WHEN random() < 0.02 THEN 'error' ELSE 'success' END,"
                " exp(6.7 + 0.6 * sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())),"
                " 900, 200, 1100, 0.01, 'production', now()"
                " FROM generate_series(%s, %s) AS n",
                (
                    float(rows),
                    applications,
                    applications,
                    models,
                    start,
                    min(start + CHUNK, rows) - 1,
                ),
            )
            console.print(f"{min(start + CHUNK, rows):,} events made", highlight=False)
        cursor.execute(
            "SELECT sentinel_count('(SELECT * FROM telemetry t WHERE event_id ~ ''^read-'')')"
        )
        cursor.execute("VACUUM ANALYZE telemetry_minutes, telemetry_hours")


def reading(farm: Farm) -> dict[str, float]:
    """Milliseconds of a request for the stats of the last 24 hours, by width of the buckets."""
    connection, found = Connection(farm.url), {}
    for bucket in ("1m", "5m", "15m", "1h", "1d"):
        look = request("GET", f"{STATS}?bucket={bucket}", farm.key)
        begun = time.perf_counter()
        reply = connection.call(look)
        found[f"stats over 24 h by {bucket}, ms"] = (time.perf_counter() - begun) * 1000
        if reply.status != 200 or not reply.json()["items"]:
            raise SystemExit(f"the stats were answered {reply.status}")
    return found


def _url() -> str:
    return settings().database().replace("+psycopg2", "")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--samples", type=int, default=100, help="events whose way is timed")
    parser.add_argument("--millions", type=float, default=10.0, help="events that are read")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    chosen = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 150)
    rounds = []
    with own_farm(1) as farm, storing_nothing() as bare:
        for url in (bare, farm.url):
            posts(url, argparse.Namespace(clients=4, seconds=1.0), 0, "warm-up")
        for number in range(chosen.rounds):
            console.print(f"round {number + 1} of {chosen.rounds}")
            found = singles(farm, bare, chosen) | batches(farm, chosen) | otlp(farm, chosen)
            rounds.append(found | visible(farm, chosen.samples))
        figures = over_rounds(rounds)
        show(figures, console)
        if chosen.millions:
            fill(chosen.millions, console)
            figures |= (read := over_rounds([reading(farm) for _ in range(READINGS)]))
            show(read, console)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2))


def show(figures: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """A table of medians and ends."""
    table = Table("what", "median", "least", "most")
    for name, figure in figures.items():
        table.add_row(name, *(f"{figure[each]:,.2f}" for each in ("median", "least", "most")))
    console.print(table)


if __name__ == "__main__":
    main()
