"""What a weekly report costs: seconds, and processor time here and in PostgreSQL.

    python -m ops.bench.reports [--millions 1] [--rounds 3]

Runs on stores of its own in a temporary folder. The week and the one before have so many events
each, of 20 series, and nothing else happened in them.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import closing
from datetime import UTC, datetime

import psutil
import psycopg2

from ops.stores import own_stores
from reports.period import Period, last_complete

CHUNK = 250_000
_EVENTS = """
INSERT INTO telemetry (ts, application_id, event_id, event_type, model, status, latency_ms,
    prompt_tokens, completion_tokens, total_tokens, cost, environment, received_at)
SELECT CAST(%(start)s AS timestamptz) + (CAST(%(end)s AS timestamptz) - %(start)s) * random(),
    'app-' || n %% 5, %(name)s || n, 'llm.response', 'model-' || n / 5 %% 4,
    (ARRAY['error', 'timeout', 'success'])[least(1 + floor(random() * 100), 3)],
    exp(6.7 + 0.6 * sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())),
    900, 200, 1100, 0.01, 'production', now()
FROM generate_series(%(first)s, %(last)s) AS n
"""


def fill(url: str, period: Period, count: int) -> None:
    """So many events in a period, and their rollups, made by SQL."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SET sentinel.counted = 'on'; SET work_mem = '64MB'")
        for first in range(0, count, CHUNK):
            span = {"start": period.start, "end": period.end, "name": f"{period.start:%j}-"}
            cursor.execute(_EVENTS, {**span, "first": first, "last": min(first + CHUNK, count) - 1})
        cursor.execute(
            "SELECT sentinel_count(format('(SELECT * FROM telemetry WHERE ts >= %%L AND ts < %%L)',"
            " CAST(%s AS timestamptz), CAST(%s AS timestamptz)))",
            (period.start, period.end),
        )
        cursor.execute("VACUUM ANALYZE telemetry, telemetry_minutes, telemetry_hours")


def used() -> tuple[float, float]:
    """Seconds of processor time: of this process, and of PostgreSQL with what has ended there."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        if "postgres" in process.name():
            found += times.user + times.system + times.children_user + times.children_system
    return time.process_time(), found


def made(period: Period) -> tuple[float, float, float]:
    """Make the report once: seconds, and processor time here and in PostgreSQL."""
    from workers import reporting
    from workers.reporting_rows import Order

    now = datetime.now(UTC)
    report = reporting.ask(Order("default", "Weekly report", period), now, send=False)
    before, begun = used(), time.perf_counter()
    if not reporting.make(report):
        raise SystemExit("the report was not made")
    spent, after = time.perf_counter() - begun, used()
    return spent, after[0] - before[0], after[1] - before[1]


def main() -> None:
    """Print one line a round."""
    parser = argparse.ArgumentParser(prog="ops.bench.reports")
    parser.add_argument("--millions", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    os.environ["RETENTION_RAW"] = "30d"
    with own_stores() as stores:
        week = last_complete("week", datetime.now(UTC), "UTC")
        for period in (week.before, week):
            fill(stores.database_url, period, int(chosen.millions * 1e6))
        for number in range(chosen.rounds):
            spent, here, there = made(week)
            print(
                f"round {number + 1}: {spent:.2f} s; processor time {here:.2f} s here and"
                f" {there:.2f} s in PostgreSQL",
                flush=True,
            )


if __name__ == "__main__":
    main()
