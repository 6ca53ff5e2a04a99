"""Compares the CPU engines with two local detectors: the same texts, the same run, one core.

    python -m ops.quality.peers DIR [--mode balanced] [--limit 100] [--python PATH] [--write]

DIR holds labelled sets, as for `sentinel-cli engines bench`; `--limit` takes so many lines of each,
at even distances. The detectors are installed into an environment of their own under the system's
temporary directory, unless `--python` names the Python of one that has them. Each runs in a process
of its own, without a network of its own accord. `--write` puts the table into docs/quality.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import __version__
from core.analysis import Mode
from engines.base import Engine
from engines.policy import Policy
from engines.quality import page
from engines.quality.cases import Case
from engines.quality.figures import Scored
from engines.quality.run import choose, measure, one_core, warm_up
from engines.quality.tables import summarized
from ops.quality.sample import sets_of

PEERS = ("pyatr", "forcefield")
PACKAGES = ("pyatr", "forcefield[ml-sklearn]")
"""Without the extra, forcefield leaves its own model out."""
CHILD = Path(__file__).with_name("peer_child.py")
WARM_UP = "Good morning."
QUIET = {"FORCEFIELD_NO_TELEMETRY": "1", "FORCEFIELD_TELEMETRY": "0", "OMP_NUM_THREADS": "1"}

Lines = dict[str, list[Scored]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector: its name with its version, its verdicts by set, and the seconds it took."""

    name: str
    sets: Lines
    seconds: float


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="ops.quality.peers", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.BALANCED)
    parser.add_argument("--group", default="injection", help="which sets of DIR")
    parser.add_argument("--limit", type=int, default=100, help="lines of each set")
    parser.add_argument("--python", type=Path, help="of an environment that has the detectors")
    parser.add_argument("--write", action="store_true", help="put the table into docs/quality.md")
    return parser.parse_args()


def environment(folder: Path) -> Path:
    """The Python of a new environment with the detectors in it."""
    print(f"installing {', '.join(PACKAGES)} into {folder}", flush=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    options = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:")
    subprocess.run([python, "-m", "pip", "install", *options, *PACKAGES], check=True)
    return python


def ours(
    sets: Mapping[str, Sequence[Case]],
    engines: Sequence[Engine],
    mode: Mode,
    policy: Policy,
) -> Entry:
    """The engines of this version, in this process."""
    print(f"sentinel-farm {__version__}", flush=True)
    with one_core():
        warm_up(engines)
        found = [measure(name, cases, engines, policy) for name, cases in sets.items()]
    return Entry(
        f"sentinel-farm {__version__}, {mode}",
        {one.name: one.lines for one in found},
        sum(one.seconds for one in found),
    )


def peer(name: str, python: Path, sets: Mapping[str, Sequence[Case]]) -> Entry:
    """What the detector says, in a process of its own. Raises SystemExit when it fails."""
    print(name, flush=True)
    every = [(place, case) for place, cases in sets.items() for case in cases]
    texts = [next(iter(case.content.fields().values())) for _, case in every]
    done = subprocess.run(
        [python, "-I", CHILD, name],
        input=json.dumps({"texts": texts, "warm_up": WARM_UP}).encode(),
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed with status {done.returncode}")
    told = json.loads(done.stdout)
    lines: Lines = {place: [] for place in sets}
    for (place, case), (flagged, score) in zip(every, told["answers"], strict=True):
        lines[place].append(Scored(case.label, score, flagged))
    return Entry(f"{name} {told['version']}", lines, told["seconds"])


def row(entry: Entry) -> dict[str, str]:
    """A row of the table."""
    shared = entry.seconds / len(entry.sets)
    figures: dict[str, Any] = summarized(
        {name: (each, shared) for name, each in entry.sets.items()}
    )
    shown = (
        "macro_recall", "macro_false_positive_rate", "auroc", "recall_at_fpr_1", "recall_at_fpr_5",
    )  # fmt: skip
    cells = {name: "-" if figures[name] is None else f"{figures[name]:.3f}" for name in shown}
    speed = f"{figures['texts_per_second']:.0f}"
    return {"detector": entry.name, **cells, "texts_per_second": speed}


def main() -> None:
    """Install, measure, print, write."""
    chosen = arguments()
    policy = Policy()
    engines = choose(policy, chosen.mode)
    sets = sets_of(chosen.folder, chosen.group, chosen.limit)
    with tempfile.TemporaryDirectory(prefix="sentinel-peers-") as scratch:
        python = chosen.python or environment(Path(scratch) / "peers")
        entries = [ours(sets, engines, chosen.mode, policy)]
        entries += [peer(name, python, sets) for name in PEERS]
    count = sum(map(len, sets.values()))
    markdown = (
        "## Beside two local detectors\n\n"
        f"The same {count:,} texts of {len(sets)} sets (group `{chosen.group}`) in one run, each"
        " on one core, each by the threshold that it ships with: `pyatr` flags when a rule matches"
        " (its score is the highest severity), `forcefield`, with its model, when it says"
        " `blocked`. Made by `python -m ops.quality.peers DIR --write`.\n"
        f"{page.stamp_line()}.\n\n{page.table([row(entry) for entry in entries])}"
    )
    print(f"\n{markdown}")
    if chosen.write:
        page.put_section(page.Targets().page, "peers", markdown)


if __name__ == "__main__":
    main()
