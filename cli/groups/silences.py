"""Silences in the manner of Alertmanager's amtool: list, add, expire."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click

from alerts.matchers import Matcher, parse_one, written
from alerts.silences import Silence, SilenceState
from api.routes.silences import wire
from cli.output import json_option, show
from core.configfile import parse_duration
from core.errors import BadInput
from workers import silences
from workers.alert_rows import matchers_from_row

EXIT_FAILED = 1
SHOWN = 1000
tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose alerts.")


@click.group()
def command() -> None:
    """List, add and expire silences.

    \b
    Example:
        sentinel-cli silences add alertname=high-latency --duration 2h --comment "new model"
    """


@command.command("list")
@click.argument("matchers", nargs=-1)
@click.option("--expired", is_flag=True, help="Those that are over, instead of those to come.")
@tenant_option
@json_option
def listed(matchers: tuple[str, ...], expired: bool, tenant: str, as_json: bool) -> None:
    """List silences that stand or will, newest first; with MATCHERS those that have all of them.

    \b
    Example:
        sentinel-cli silences list
        sentinel-cli silences list application=shop --expired
    """
    wanted = {_matcher(text) for text in matchers}
    now = datetime.now(UTC)
    rows = [
        row
        for state in SilenceState
        if (state is SilenceState.EXPIRED) == expired
        for row in silences.listed(tenant, now, state=state, before=None, limit=SHOWN)
        if wanted <= set(matchers_from_row(row["matchers"]))
    ]
    rows.sort(key=lambda row: UUID(str(row["id"])), reverse=True)
    _show(rows, as_json, empty="no silence is over" if expired else "nothing is silenced")


def _matcher(text: str) -> Matcher:
    """A bare word is the alert's name, as amtool has it."""
    return parse_one(text if any(sign in text for sign in "=~") else f'alertname="{text}"')


def _show(rows: Sequence[Mapping[str, Any]], as_json: bool, *, empty: str) -> None:
    if as_json:
        click.echo(json.dumps([wire(row) for row in rows], indent=2))
        return
    table = [
        {
            "id": row["id"],
            "state": row["state"],
            "matchers": written(matchers_from_row(row["matchers"])),
            "starts_at": row["starts_at"],
            "ends_at": row["ends_at"],
            "author": row["created_by"],
            "comment": row["comment"],
        }
        for row in rows
    ]
    show(table, False, empty=empty)


@command.command()
@click.argument("matchers", nargs=-1, required=True)
@click.option("--duration", default="1h", show_default=True, help="How long, such as 30m or 2h.")
@click.option("--comment", required=True, help="Why; people read it in messages and in `why`.")
@click.option("--author", metavar="NAME", help="Who asks for it; by default this user.")
@tenant_option
@json_option
def add(
    matchers: tuple[str, ...],
    duration: str,
    comment: str,
    author: str | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Silence alerts that fit all MATCHERS from now on; prints the silence's id.

    A matcher is name=value, name!=value, name=~regex or name!~regex; a bare word is an alertname.

    \b
    Example:
        sentinel-cli silences add alertname=high-latency application=shop \\
            --duration 2h --comment "new model" --author ann
    """
    if not comment.strip():
        raise BadInput("--comment is empty; say why, people read it")
    now = datetime.now(UTC)
    try:
        end = now + timedelta(seconds=parse_duration(duration))
    except OverflowError:
        raise BadInput(f"--duration {duration} is too long; write such as 2h") from None
    wanted = Silence(
        id="",
        matchers=tuple(map(_matcher, matchers)),
        starts_at=now,
        ends_at=end,
        created_by=author or getpass.getuser(),
        comment=comment,
    )
    made = silences.create(wanted, tenant, now)
    if as_json:
        click.echo(json.dumps(wire(silences.one(made, tenant, now)), indent=2))
    else:
        click.echo(made)


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.UUID)
@tenant_option
@json_option
def expire(ids: tuple[UUID, ...], tenant: str, as_json: bool) -> None:
    """End silences now; exit status 1 when one was over already.

    \b
    Example:
        sentinel-cli silences expire 01980d1e-7c1a-7000-8000-5f0c3a2b1d00
    """
    now = datetime.now(UTC)
    before = [silences.one(each, tenant, now) for each in ids]
    over = [row["id"] for row in before if row["state"] == SilenceState.EXPIRED]
    for each in ids:
        silences.expire(each, tenant, now)
    if as_json:
        _show([silences.one(each, tenant, now) for each in ids], True, empty="")
    else:
        for each in ids:
            click.echo(f"{each}: {'was over already' if each in over else 'ended'}")
    if over:
        sys.exit(EXIT_FAILED)
