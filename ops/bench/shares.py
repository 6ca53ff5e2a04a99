"""What a job costs each process: processor milliseconds by role, which a busy machine moves little.

    python -m ops.bench.shares [--workers 2] [--clients 8] [--seconds 4] [--items 10000]

Starts a farm of its own and the bare Celery worker, sends each kind of work by many clients and
reads the processes' own accounts before and after. Where rates on a shared machine swing by a
factor of two, these figures say before and after a change what has become cheaper, and where.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from ops.bench.beside import ask, bare_celery
from ops.bench.farm import Farm, own_farm
from ops.bench.texts import fresh_salt

ROLES = {
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "--class cpu": "CPU worker",
    "--class io": "other",
    "--class control": "other",
    "--class gpu": "other",
    "celery -A ops.bench": "bare worker",
    "--tethered api": "API",
    "--tethered": "other",
}
COLUMNS = (
    "API",
    "PostgreSQL",
    "Valkey",
    "CPU worker",
    "CPU worker's pool",
    "bare worker",
    "bare worker's pool",
    "other",
)


def _name(process: psutil.Process | None) -> str:
    line = " ".join(process.cmdline()) if process else ""
    return next((name for word, name in ROLES.items() if word in line), "")


def spent() -> dict[int, tuple[str, float]]:
    """Seconds of processor time of everything below this process, by process id."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            name, times = _name(process), process.cpu_times()
            if name.endswith("worker") and _name(process.parent()) == name:
                name += "'s pool"
        except psutil.Error:
            continue
        if name:
            found[process.pid] = (name, times.user + times.system)
    return found


def shares(work: Callable[[], float]) -> dict[str, float]:
    """Processor milliseconds by role for each of the jobs that `work` says it has done."""
    before = spent()
    jobs = work()
    used: Counter[str] = Counter()
    for pid, (name, seconds) in spent().items():
        used[name] += seconds - before.get(pid, ("", 0.0))[1]  # type: ignore[assignment]
    return {name: seconds * 1000 / jobs for name, seconds in used.items()}


def works(farm: Farm, chosen: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """Each kind of work; it answers how many jobs it was."""

    def load(kind: str, repeated: bool = False) -> float:
        salt = fresh_salt()
        application = "bench-" + salt.replace(" ", "-")
        batches = kind == "batches"
        seen = ask(
            "load",
            url=farm.url,
            kind=kind,
            salt=salt,
            application=application,
            clients=1 if batches else chosen.clients,
            seconds=chosen.seconds,
            repeated=repeated,
            items=chosen.items,
            batches=1,
        )
        farm.settle(application)
        return float(chosen.items if batches else len(seen["ms"]))

    def bare() -> float:
        clients, seconds = chosen.clients, chosen.seconds
        answer = ask("bare_celery", clients=clients, seconds=seconds, salt=fresh_salt())
        return float(len(answer["ms"]) + clients)

    return {
        "guard": lambda: load("guard"),
        "guard, repeated prompts": lambda: load("guard", repeated=True),
        "single, Prefer: wait": lambda: load("awaited"),
        "single, not waited for": lambda: load("posted"),
        "an item of a batch": lambda: load("batches"),
        "bare Celery, waited for": bare,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--items", type=int, default=10_000)
    chosen = parser.parse_args()
    table = Table("processor ms for each", *COLUMNS, "all")
    with (
        own_farm(chosen.workers) as farm,
        tempfile.TemporaryDirectory(prefix="sentinel-bench-") as folder,
        bare_celery(chosen.workers, Path(folder)),
    ):
        kinds = works(farm, chosen)
        for warm_up in ("guard", "bare Celery, waited for"):
            kinds[warm_up]()
        for name, work in kinds.items():
            found = shares(work)
            cells = [f"{found.get(each, 0.0):.2f}" for each in COLUMNS]
            table.add_row(name, *cells, f"{sum(found.values()):.2f}")
    Console(width=None if Console().is_terminal else 150).print(table)


if __name__ == "__main__":
    main()
