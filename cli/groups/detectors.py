"""Detectors: what runs, and dry runs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.output import json_option, show
from core.errors import BadInput
from core.telemetry import parse_event
from detectors.nab.bench import DEFAULT, Report
from detectors.nab.bench import bench as run_bench
from detectors.nab.corpus import load_corpus
from detectors.nab.scoring import load_profiles
from workers import detection, watching


@click.group()
def command() -> None:
    """List and try detectors.

    \b
    Example:
        sentinel-cli detectors test high-latency --event event.json
    """


@command.command("list")
@json_option
def listed(as_json: bool) -> None:
    """List the entries of detectors.yaml and their last evaluation.

    \b
    Example:
        sentinel-cli detectors list
    """
    ticks = watching.ticks()
    rows: list[dict[str, Any]] = []
    for spec in detection.specs():
        last = ticks.get(spec.id)
        rows.append(
            {
                "id": spec.id,
                "type": spec.type + (f"/{spec.strategy}" if spec.strategy else ""),
                "enabled": spec.enabled,
                "metric": f"{spec.metric} ({spec.statistic})",
                "threshold": spec.threshold,
                "window_s": spec.window,
                "last_tick": last["tick"] if last else None,
                "anomalies": last["anomalies"] if last else None,
                "error": last["error"] if last else None,
            }
        )
    show(rows, as_json, empty="detectors.yaml has no entries")


@command.command()
@click.argument("detector_id")
@click.option(
    "--event",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON: one event, an array, or one per line. Without it: the stored window until now.",
)
@json_option
def test(detector_id: str, file: Path | None, as_json: bool) -> None:
    """Try a detector; nothing is recorded and nobody is told.

    \b
    Example:
        sentinel-cli detectors test high-latency --event event.json
    """
    spec = detection.find(detector_id)
    now = datetime.now(UTC)
    if file is None:
        found = detection.over_past(spec, now, "default")
    else:
        events = [parse_event(raw, now=now) for raw in _events(file)]
        found = detection.over_events(spec, events, now)
    rows = [
        {
            "severity": one.severity,
            "metric": one.metric,
            "value": one.observed,
            "baseline": one.baseline,
            "message": one.message,
        }
        for one in found
    ]
    show(rows, as_json, empty=f"{detector_id}: nothing out of the ordinary")


@command.command()
@click.option(
    "--corpus",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with data/**/*.csv (timestamp,value) and labels/combined_windows.json.",
)
@click.option("--strategy", default=DEFAULT, show_default=True, help="Statistical strategy.")
@json_option
def bench(corpus: Path, strategy: str, as_json: bool) -> None:
    """Score a strategy on a labelled corpus as the Numenta Anomaly Benchmark does.

    \b
    Example:
        sentinel-cli detectors bench --corpus nab --strategy ensemble
    """
    recordings = load_corpus(corpus, lambda line: click.echo(line, err=True))
    report = run_bench(strategy, recordings, load_profiles(corpus), _progress(strategy))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        show(_table(report), as_json, empty="nothing was scored")


def _progress(strategy: str) -> Any:
    """Shows how far it is on stderr: in place on a terminal, else every tenth."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // max(1, total)
        if percent // 10 > told:
            told = percent // 10
            click.echo(f"{strategy}: {percent} %", err=True, nl=not sys.stderr.isatty())
            if sys.stderr.isatty():
                click.echo("\n" if percent >= 100 else "\r", err=True, nl=False)

    return tell


def _table(report: Report) -> list[dict[str, Any]]:
    """One row per category and one for all of them."""
    overall = {**report.scores, "leave_one_category_out": report.left_out}
    rows = []
    for name, each in [*report.by_category.items(), ("all", overall)]:
        counts = {
            key: each.get(key, sum(other[key] for other in report.by_category.values()))
            for key in ("files", "windows", "found", "false_alarms")
        }
        scores = {
            key: None if each[key] is None else round(each[key], 1)
            for key in (*report.scores, "leave_one_category_out")
        }
        rows.append({"category": name, **scores, **counts})
    return rows


def _events(file: Path) -> list[Any]:
    text = file.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError as problem:
            raise BadInput(
                f"{file} is neither JSON nor one JSON event per line: {problem}"
            ) from None
    return document if isinstance(document, list) else [document]
