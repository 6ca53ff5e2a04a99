"""Compares routing, configurations and timed scenarios with Alertmanager's own programs.

    python -m ops.conformance [--pairs 10000] [--configs 2000] [--seed N] [--no-live] [--page FILE]

Needs `amtool` and `prometheus-alertmanager` (Debian's package prometheus-alertmanager). Exit status
1 when anything differs; each difference is printed with what is needed to repeat it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ops.conformance import configurations, live, routing

HERE = Path(__file__).parent
SHOWN = 5


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="ops.conformance")
    parser.add_argument("--pairs", type=int, default=10_000, help="trees with a label set")
    parser.add_argument("--configs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-live", action="store_true", help="leave out the scenarios")
    parser.add_argument("--scenarios", type=Path, action="append", default=[])
    parser.add_argument("--page", type=Path, help="write the figures here as Markdown")
    return parser.parse_args()


def _routing(chosen: argparse.Namespace) -> tuple[str, int]:
    trees, pairs, found = routing.compare(chosen.pairs, chosen.seed, chosen.processes)
    for one in found[:SHOWN]:
        print(f"labels {one.labels}\ntree {one.tree}\namtool {one.theirs}\nours {one.ours}\n")
    return f"{pairs} pairs of {trees} random trees and label sets", len(found)


def _configurations(chosen: argparse.Namespace) -> tuple[str, int]:
    count, accepted, found = configurations.compare(chosen.configs, chosen.seed, chosen.processes)
    for one in found[:SHOWN]:
        print(f"{one.text}\namtool: {one.theirs or 'accepts'}\nours: {one.ours or 'accepts'}\n")
    return f"{count} random configurations, {accepted} of them accepted by both", len(found)


def _scenarios(chosen: argparse.Namespace) -> tuple[str, int]:
    files = [HERE / "scenarios.jsonl", *chosen.scenarios]
    cases = [case for file in files for case in live.read(file)]
    recorded = live.recorded(cases)
    differing = 0
    for case in cases:
        found = live.differences(case, recorded[case["id"]])
        differing += bool(found)
        print("\n".join(found), end="\n" if found else "")
    posts = sum(map(len, recorded.values()))
    return f"{len(cases)} timed scenarios beside a live one, {posts} messages", differing


def main() -> int:
    """Run all and print what was counted."""
    chosen = arguments()
    for program in ("amtool", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            print(f"{program} is missing; install Debian's prometheus-alertmanager")
            return 2
    parts = [_routing, _configurations] + ([] if chosen.no_live else [_scenarios])
    rows = []
    for part in parts:
        begun = time.monotonic()
        what, differences = part(chosen)
        rows.append((what, differences, time.monotonic() - begun))
        print(f"{what}: {differences} differences, {rows[-1][2]:.0f} s", flush=True)
    if chosen.page:
        chosen.page.write_text(_page(rows, chosen.seed), encoding="utf-8")
    return int(any(differences for _, differences, _ in rows))


def _page(rows: list[tuple[str, int, float]], seed: int) -> str:
    said = subprocess.run(["amtool", "--version"], capture_output=True, text=True, check=True)
    version = said.stdout.split(",")[1].split("(")[0].strip()
    lines = [
        "# Conformance with Alertmanager",
        "",
        f"`make conformance` compares with amtool and Alertmanager {version} (Debian), run on",
        "loopback. Written by the command itself.",
        "",
        "| compared | differences | seconds |",
        "| --- | --- | --- |",
        *(f"| {what} | {count} | {spent:.0f} |" for what, count, spent in rows),
        "",
        f"Seed {seed}. amtool answers one label set per start, so a configuration carries 50",
        "trees, each a child of the root that continues; the answer is cut apart by the names of",
        "the receivers. A scenario counts as equal when receiver, answer, status, group and alerts",
        f"are the same and the times differ by no more than {live.CLOSE} s. Ours run on a fake",
        "clock, Alertmanager's by the clock on the wall, and its waits before a retry are drawn at",
        "random: there twice as much is close. What is meant to differ is told in",
        "[alerts.md](alerts.md#where-it-differs).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
