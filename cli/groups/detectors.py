"""Detectors: what runs, and dry runs."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cli.output import json_option, show
from core.configfile import parse_duration
from core.errors import BadInput
from core.telemetry import parse_event
from detectors.nab.bench import DEFAULT, Report
from detectors.nab.bench import bench as run_bench
from detectors.nab.corpus import load_corpus
from detectors.nab.scoring import load_profiles
from workers import detection, detection_past, detection_tuning, watching


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


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def _since(duration: str, now: datetime) -> datetime:
    return now - timedelta(seconds=parse_duration(duration))


@command.command()
@click.argument("detector_id")
@click.option("--since", default="7d", show_default=True, help="How far back, such as 7d.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SVG to write.  [default: DETECTOR_ID.svg]",
)
@click.option("--tenant", default="default", show_default=True, help="Whose history.")
@json_option
def backtest(
    detector_id: str, since: str, picture: Path | None, tenant: str, as_json: bool
) -> None:
    """Show what a detector would have raised over stored history; nothing is recorded.

    \b
    Example:
        sentinel-cli detectors backtest unusual-latency --since 7d
    """
    now = datetime.now(UTC)
    past = detection_past.past(detection.find(detector_id), tenant, _since(since, now), now)
    courses = past.courses
    file = picture or Path(f"{re.sub(r'[^A-Za-z0-9._-]', '_', detector_id)}.svg")
    file.write_text(detection_past.drawn(past, courses), encoding="utf-8")
    rows = [
        {
            "from": spell.since,
            "to": spell.until,
            "group": ", ".join(f"{name}={value}" for name, value in spell.labels.items()) or "all",
            "severity": spell.grade,
            "value": _short(spell.anomaly.observed),
            "baseline": _short(spell.anomaly.baseline),
            "score": _short(spell.peak),
            "told": spell.told,
        }
        for spell in past.spells(courses)
    ]
    show(rows, as_json, empty=f"{detector_id}: nothing since {past.since:%Y-%m-%d %H:%M}Z")
    click.echo(f"picture: {file}", err=True)


@command.command()
@click.argument("detector_id")
@click.option("--target-alerts", "wanted", required=True, help="At most so many, such as 2/week.")
@click.option("--since", default="14d", show_default=True, help="History to go by.")
@click.option("--tenant", default="default", show_default=True, help="Whose history.")
@json_option
def tune(detector_id: str, wanted: str, since: str, tenant: str, as_json: bool) -> None:
    """Propose a threshold from stored history; detectors.yaml stays as it is.

    \b
    Example:
        sentinel-cli detectors tune unusual-latency --target-alerts 2/week
    """
    now, rate = datetime.now(UTC), detection_tuning.parse_rate(wanted)
    spec = detection.find(detector_id)
    past = detection_past.past(spec, tenant, _since(since, now), now)
    found = detection_tuning.tune(past, rate)
    rows = [
        {
            "threshold": threshold,
            f"alerts_a_{rate.unit}": round(found.rate(threshold, rate.unit), 2),
            "alerts": count,
            "days": round(found.span / timedelta(days=1), 1),
            "note": "; ".join(
                text
                for text, here in (
                    ("proposed", threshold == found.proposed),
                    ("now", threshold == spec.threshold),
                )
                if here
            ),
        }
        for threshold, count in sorted(found.counts.items())
    ]
    show(rows, as_json, empty="nothing to choose from")


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
