"""Measures a farm against what its parts could do alone, all in one run on one machine.

    python -m ops.bench [--rounds 5] [--workers 2] [--clients 8] [--quick] [--json FILE]

Starts a farm of its own with `sentinel up` in a temporary directory. With `--url` it measures the
farm there, whose stores DATABASE_URL and REDIS_URL, or `--home`, name. Prints medians and least
and most over the rounds. "one client" rests 20 ms between two requests; "many clients" send the
next request when the one before is answered. No prompt comes twice, except where it says so.
Speeds are reported and never asserted: they do not change the exit status.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.bench.beside import bare_celery, bare_flask
from ops.bench.farm import chosen_farm
from ops.bench.figures import COLUMNS, ROWS, TARGETS, over_rounds, ratios
from ops.bench.measures import QUICK, Plan, Round

Figures = Mapping[str, Mapping[str, float]]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="ops.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 1")
    parser.add_argument("--workers", type=int, default=2, help="processes of the CPU worker")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--items", type=int, help="items of a batch")
    parser.add_argument("--seconds", type=float, help="of each measurement with many clients")
    parser.add_argument("--quick", action="store_true", help="small counts, one round")
    parser.add_argument("--url", default="", help="measure the farm there")
    parser.add_argument("--home", help="its data directory, where no DATABASE_URL is set")
    parser.add_argument("--key", default=os.environ.get("SENTINEL_API_KEY", ""))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    return parser.parse_args()


def plan_of(chosen: argparse.Namespace) -> Plan:
    """How much to measure."""
    given = {name: getattr(chosen, name) for name in ("workers", "clients", "items", "seconds")}
    return replace(
        QUICK if chosen.quick else Plan(),
        **{name: value for name, value in given.items() if value is not None},
    )


def measure(
    chosen: argparse.Namespace, plan: Plan, console: Console
) -> tuple[list[dict[str, float]], Counter[str]]:
    """Every figure of each round, and the requests that were refused, by kind and status."""
    rounds, refused = [], Counter[str]()
    count = chosen.rounds or (1 if chosen.quick else 5)
    with (
        chosen_farm(chosen.url, chosen.home, chosen.key, plan.workers) as farm,
        tempfile.TemporaryDirectory(prefix="sentinel-bench-") as folder,
        bare_celery(plan.workers, Path(folder)),
        bare_flask(plan.workers) as flask_url,
    ):
        Round(farm, plan, flask_url).warm_up()
        for number in range(count):
            console.print(f"round {number + 1} of {count}")
            one = Round(farm, plan, flask_url)
            rows = one.run()
            refused += one.refused
            speeds = {
                f"{name}: {column}": rows[name][column]
                for name in ROWS
                for column in COLUMNS
                if column in rows[name]
            }
            rounds.append({**speeds, **ratios(rows, plan.workers)})
    return rounds, refused


def shown(figure: Mapping[str, float] | None) -> str:
    """Median and range."""
    if figure is None:
        return ""
    digits = 0 if figure["median"] >= 100 else 1 if figure["median"] >= 10 else 2
    median, least, most = (f"{figure[each]:.{digits}f}" for each in ("median", "least", "most"))
    return median if least == most else f"{median}  ({least}..{most})"


def tables(figures: Figures, title: str) -> list[Table]:
    """Speeds by row and column, then the ratios beside their targets."""
    speeds = Table(*("what", *COLUMNS), title=title)
    for name in ROWS:
        speeds.add_row(name, *(shown(figures.get(f"{name}: {column}")) for column in COLUMNS))
    compared = Table("ratio or difference", "median (least..most)", "target")
    for name, target in TARGETS.items():
        compared.add_row(name, shown(figures[name]), target)
    return [speeds, compared]


def main() -> None:
    """Measure, print, write."""
    chosen = arguments()
    plan = plan_of(chosen)
    console = Console(width=None if Console().is_terminal else 150)
    rounds, refused = measure(chosen, plan, console)
    figures = over_rounds(rounds)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    title = f"{len(rounds)} rounds, {plan.workers} worker processes, {plan.clients} clients, "
    for table in tables(figures, title + machine):
        console.print(table)
    if refused:
        console.print(f"refused, by kind and status: {dict(refused)}")
    if chosen.json:
        about: dict[str, Any] = {"machine": machine, "rounds": len(rounds), "plan": asdict(plan)}
        about["refused"] = dict(refused)
        wanted = {name: {**each, "target": TARGETS.get(name, "")} for name, each in figures.items()}
        chosen.json.write_text(json.dumps({"about": about, "figures": wanted}, indent=2))


if __name__ == "__main__":
    main()
