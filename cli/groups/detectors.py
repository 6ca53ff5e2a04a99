"""Detectors: what runs, and dry runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.output import json_option, show
from core.errors import BadInput
from core.telemetry import parse_event
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
