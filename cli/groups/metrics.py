"""Metrics of a running node."""

from __future__ import annotations

import click
import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.output import json_option, show
from core.errors import NotFound, Unavailable
from core.settings import settings


@click.group()
def command() -> None:
    """Read metrics.

    \b
    Example:
        sentinel-cli metrics get sentinel_event_buffer_size
    """


@command.command()
@click.argument("name")
@json_option
def get(name: str, as_json: bool) -> None:
    """Print the current value of a metric, by its labels.

    \b
    Example:
        sentinel-cli metrics get sentinel_event_buffer_size
    """
    chosen = settings()
    url = f"http://{chosen.gateway_host}:{chosen.metrics_port}/metrics"
    try:
        page = httpx.get(url, timeout=10).text
    except httpx.HTTPError as problem:
        raise Unavailable(f"{url} does not answer; is the farm up? ({problem})") from None
    samples = [
        sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if name in (sample.name, family.name)
    ]
    if not samples:
        raise NotFound(f"{url} has no metric {name!r} at this moment; docs/reference.md lists all")
    rows = [
        {
            "metric": sample.name,
            "labels": ", ".join(f"{key}={value}" for key, value in sample.labels.items()),
            "value": sample.value,
        }
        for sample in samples
    ]
    show(rows, as_json, empty="")
