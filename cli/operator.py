"""`sentinel-cli`: the operator's tool. Every file in `cli/groups` is one command or group."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click

from cli import groups
from cli.attach import attach
from core.errors import ConfigError, SentinelError

EXIT_FAILED = 1
EXIT_REFUSED = 2
FARMLESS = frozenset({"alerts", "detectors", "engines", "policies"})
"""Groups that take the settings of a farm where there is one, and do without."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", metavar="DIR", help="Data directory of a standalone farm.")
@click.pass_context
def cli(context: click.Context, home: str | None) -> None:
    """Look after a Sentinel farm.

    Finds it by DATABASE_URL and REDIS_URL, or by the data directory of `sentinel up`.

    \b
    Example:
        sentinel-cli --home .sentinel alerts status
    """
    asks_for_help = any(word in context.help_option_names for word in sys.argv[1:])
    if context.invoked_subcommand != "version" and not asks_for_help:
        try:
            attach(home)
        except ConfigError:
            if home is not None or context.invoked_subcommand not in FARMLESS:
                raise


for _module in pkgutil.iter_modules(groups.__path__):
    cli.add_command(importlib.import_module(f"cli.groups.{_module.name}").command, _module.name)


def main() -> None:
    """Entry point: exit status 0 done, 1 the answer is no, 2 the question was wrong."""
    try:
        cli()
    except SentinelError as problem:
        click.echo(f"sentinel-cli: {problem}", err=True)
        sys.exit(EXIT_REFUSED if problem.permanent else EXIT_FAILED)


if __name__ == "__main__":
    main()
