"""The catalogue of engines."""

from __future__ import annotations

import click

from cli.bench import bench
from cli.calibrate import calibrate
from cli.output import json_option, show
from engines.catalogue import catalogue


@click.group()
def command() -> None:
    """Look at the engines.

    \b
    Example:
        sentinel-cli engines list
    """


command.add_command(bench)
command.add_command(calibrate)


@command.command("list")
@json_option
def listed(as_json: bool) -> None:
    """List all engines: class, modes, inputs, version.

    \b
    Example:
        sentinel-cli engines list
    """
    rows = [
        {
            "name": engine.name,
            "class": str(engine.engine_class),
            "category": engine.category,
            "modes": sorted(str(mode) for mode in engine.modes),
            "inputs": list(engine.inputs),
            "version": engine.version,
        }
        for engine in catalogue().values()
    ]
    show(rows, as_json, empty="no engines")
