"""API keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from uuid import UUID

import click

from cli.output import json_option, show
from core import keys


@click.group()
def command() -> None:
    """Make, list and revoke API keys.

    \b
    Example:
        sentinel-cli keys create ci-pipeline
    """


@command.command()
@click.argument("name")
@json_option
def create(name: str, as_json: bool) -> None:
    """Make a key and print it; it cannot be read again.

    \b
    Example:
        sentinel-cli keys create ci-pipeline
    """
    key_id, key = keys.create(name)
    if as_json:
        click.echo(json.dumps({"id": str(key_id), "name": name, "key": key}))
        return
    click.echo(key)
    click.echo(f"id {key_id}; keep the key, it is not stored", err=True)


@command.command("list")
@json_option
def listed(as_json: bool) -> None:
    """List all keys, without the keys themselves.

    \b
    Example:
        sentinel-cli keys list --json
    """
    rows = [{**asdict(key), "hint": f"…{key.hint}"} for key in keys.every()]
    show(rows, as_json, empty="no keys; make one with `sentinel-cli keys create NAME`")


@command.command()
@click.argument("key_id", type=click.UUID)
@json_option
def revoke(key_id: UUID, as_json: bool) -> None:
    """End a key and every token made from it.

    \b
    Example:
        sentinel-cli keys revoke 01a2001f-3d8f-75e2-a974-ab6987b6bcc1
    """
    keys.revoke(key_id)
    click.echo(json.dumps({"id": str(key_id), "revoked": True}) if as_json else f"revoked {key_id}")
