"""Policies: which engines judge, from which risk one acts, what is let pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import yaml

from cli.output import json_option, show
from core.errors import ConfigError
from engines.policy_file import check_options, load_policy
from workers import policies
from workers.policies import Version

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """List, show, check and store policies.

    \b
    Example:
        sentinel-cli policies list
    """


@command.command("list")
@json_option
def listed(as_json: bool) -> None:
    """List the policies that a request may name.

    \b
    Example:
        sentinel-cli policies list
    """
    show([_row(version) for version in policies.standing()], as_json, empty="no policies")


def _row(version: Version) -> dict[str, Any]:
    limits = version.thresholds
    return {
        "name": version.policy.name,
        "version": version.number,
        "origin": version.origin,
        "audit": limits.audit,
        "warn": limits.warn,
        "block": limits.block,
        "applications": list(version.policy.applications),
        "digest": version.policy.digest,
        "created_at": version.created_at,
    }


@command.command("show")
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(1), help="An earlier version.")
@json_option
def show_policy(name: str, number: int | None, as_json: bool) -> None:
    """Show a policy as YAML that `put` takes.

    \b
    Example:
        sentinel-cli policies show strict --version 1
    """
    version = policies.find(name, number=number)
    if as_json:
        about = {"body": version.policy.body, "about": version.about}
        click.echo(json.dumps({**_row(version), **about}, default=str, indent=2))
        return
    title = "" if version.number is None else f", version {version.number}"
    click.echo(f"# {name}{title} ({version.origin}, digest {version.policy.digest})")
    if version.about:
        click.echo(f"# {json.dumps(version.about, ensure_ascii=False)}")
    click.echo(yaml.safe_dump(version.policy.body, sort_keys=False, allow_unicode=True), nl=False)


@command.command()
@click.argument("file", type=_FILE)
@json_option
def put(file: Path, as_json: bool) -> None:
    """Store the policy of a file as the newest version of its name.

    The whole farm goes by it within seconds; jobs that were accepted before keep theirs.

    \b
    Example:
        sentinel-cli policies put billing.yaml
    """
    policy = load_policy(file)
    number = policies.put(policy)
    row = {"name": policy.name, "version": number, "digest": policy.digest}
    click.echo(json.dumps(row) if as_json else f"{policy.name}: version {number}")


@command.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@json_option
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check policy files, and show engines their options; stores nothing.

    \b
    Example:
        sentinel-cli policies validate policies/*.yaml
    """
    rows = []
    for file in files:
        try:
            policy = load_policy(file)
            check_options(policy)
        except ConfigError as problem:
            rows.append({"file": str(file), "ok": False, "about": str(problem)})
        else:
            rows.append({"file": str(file), "ok": True, "about": policy.name})
    show(rows, as_json, empty="no files")
    if not all(row["ok"] for row in rows):
        raise SystemExit(2)
