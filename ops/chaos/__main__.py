"""Breaks a farm in every way that processes break, under load, and audits what was promised.

    python -m ops.chaos [--seconds 900] [--seed 1] [--rate 6] [--batch 1000] [--pause 12]
                        [--json FILE] [--graph FILE.svg|png]

Starts a farm of its own with `sentinel up` in a temporary directory. Clients submit single jobs,
batches, guard calls and telemetry, and remember each acceptance. Meanwhile processes are killed,
frozen and woken, and stores lose what they hold. At the end an auditor compares the promises with
the tables. Exit status 1 when anything is lost, doubled, stuck or not what a client was told.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from ops.chaos import picture, report
from ops.chaos.audit import audit, kept, read, settle
from ops.chaos.farm import Farm
from ops.chaos.faults import Faults
from ops.chaos.load import Load
from ops.chaos.recovery import Recovery
from ops.chaos.sampling import Sampler

WARM_UP_SECONDS = 3.0
PIPED_WIDTH = 120


def main() -> int:
    """Run the chaos, print the table; 1 when a promise was broken."""
    chosen = _arguments()
    if chosen.graph:
        picture.demand()
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    home = Path(tempfile.mkdtemp(prefix="sentinel-chaos-"))
    console.print("starting a farm")
    good = False
    try:
        farm = Farm(home)
        try:
            told, found = _break(console, farm, chosen)
        finally:
            farm.stop()
        good = kept(found)
    finally:
        if good:
            shutil.rmtree(home, ignore_errors=True)
        else:
            console.print(f"the logs are kept in {home / 'logs'}")
    console.print(report.table(told, found))
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1))
    if chosen.graph:
        picture.draw(told, chosen.graph)
        console.print(f"graph: {chosen.graph}")
    return 0 if good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=900, help="how long it strikes")
    parser.add_argument("--seed", type=int, default=1, help="of order and moments of the strikes")
    parser.add_argument(
        "--rate", type=float, default=6, help="single jobs, and guard calls, a second"
    )
    parser.add_argument("--batch", type=int, default=1000, help="items of each batch")
    parser.add_argument("--pause", type=float, default=12, help="mean seconds between two strikes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything seen here")
    parser.add_argument("--graph", type=Path, metavar="FILE", help="draw it here, as .svg or .png")
    return parser.parse_args()


def _break(
    console: Console, farm: Farm, chosen: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Load, strike, settle, audit; everything seen, and the audit's part of it."""
    recovery, sampler = Recovery(farm), Sampler(farm)
    load = Load(farm, chosen.rate, chosen.batch, chosen.seed)
    faults = Faults(farm, recovery, chosen.seed)
    begun = time.time()
    recovery.start()
    sampler.start()
    time.sleep(WARM_UP_SECONDS)
    _strike(console, faults, load, chosen)
    console.print("settling")
    load.finish()
    farm.wait_until_ready()
    settled = settle(farm, load.promises.events - faults.destroyed)
    for thread in (recovery, sampler):
        thread.halt.set()
        thread.join(5)
    found = {
        **audit(load.promises, read(farm), faults.destroyed),
        "runs taken from frozen workers": len(faults.superseded),
        "written by woken workers": recovery.written_late(faults.superseded),
        "programs that ended by themselves": len(farm.ended_by_themselves()),
        "settled after, s": settled,
    }
    title = f"chaos: {chosen.seconds:.0f} s, {len(faults.strikes)} strikes, seed {chosen.seed}"
    told = report.story(
        title, begun, found, recovery, load.promises, faults.strikes, sampler.samples
    )
    return told, found


def _strike(console: Console, faults: Faults, load: Load, chosen: argparse.Namespace) -> None:
    moments = random.Random(chosen.seed)
    until = time.monotonic() + chosen.seconds
    while (left := until - time.monotonic()) > 0:
        struck = faults.strike()
        said = f"{struck.name:<24} {struck.detail}" if struck else "nothing could be struck"
        promised, refused = len(load.promises.jobs), sum(load.promises.refused.values())
        console.print(
            f"{left:5.0f} s left  {said:<52} {promised} promised, {refused} refused",
            highlight=False,
        )
        time.sleep(min(chosen.pause * moments.uniform(0.5, 1.5), max(until - time.monotonic(), 0)))


if __name__ == "__main__":
    sys.exit(main())
