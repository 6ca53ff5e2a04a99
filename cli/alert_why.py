"""Commands about one alert: why it was told as it was, and who looks after it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from uuid import UUID

import click

from alerts.why_words import text
from cli.output import json_option
from workers import acknowledging
from workers import why as reasons

TENANT = "default"


@click.command("why")
@click.argument("alert_id", metavar="ID", type=click.UUID)
@click.option("--tenant", default=TENANT, show_default=True, help="Whose alert it is.")
@json_option
def why(alert_id: UUID, tenant: str, as_json: bool) -> None:
    """Say why an alert did or did not reach each receiver.

    \b
    Example:
        sentinel-cli alerts why 01980d1e-7c1a-7000-8000-5f0c3a2b1d00
    """
    answer = reasons.why(alert_id, tenant, datetime.now(UTC))
    click.echo(json.dumps(answer, default=str, indent=2) if as_json else text(answer), nl=as_json)


@click.command("acknowledge")
@click.argument("alert_id", metavar="ID", type=click.UUID)
@click.option("--by", metavar="NAME", help="Who looks after it; by default this user.")
@click.option("--comment", default="", help="What is being done.")
@click.option("--withdraw", is_flag=True, help="Nobody looks after it any more.")
@click.option("--tenant", default=TENANT, show_default=True, help="Whose alert it is.")
@json_option
def acknowledge(
    alert_id: UUID, by: str | None, comment: str, withdraw: bool, tenant: str, as_json: bool
) -> None:
    """Look after an alert: no repeats and no escalation until something changes.

    \b
    Example:
        sentinel-cli alerts acknowledge 01980d1e-7c1a-7000-8000-5f0c3a2b1d00 --comment "on it"
    """
    name = by or getpass.getuser()
    if withdraw:
        alert = acknowledging.withdraw(alert_id, tenant)
        said = f"{alert['name']}: nobody looks after it"
    else:
        alert = acknowledging.acknowledge(alert_id, tenant, name, comment, datetime.now(UTC))
        said = f"{alert['name']}: {name} looks after it"
    click.echo(json.dumps(dict(alert), default=str, indent=2) if as_json else said)
