"""The version."""

from __future__ import annotations

import click

from cli.output import json_option
from core import __version__


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the version.

    \b
    Example:
        sentinel-cli version
    """
    click.echo(f'{{"version": "{__version__}"}}' if as_json else f"sentinel-cli {__version__}")
