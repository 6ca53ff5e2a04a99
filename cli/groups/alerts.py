"""Alerts: what burns, what was delivered, and a test of a receiver."""

from __future__ import annotations

import json
import sys

import click

from cli import alert_routes, alert_why
from cli.output import json_option, show
from core.errors import DeliveryError
from workers import delivery, watching

EXIT_FAILED = 1


@click.group()
def command() -> None:
    """Look at alerts and their delivery.

    \b
    Example:
        sentinel-cli alerts test slack-incidents
    """


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Show the firing alerts, and how each receiver fares.

    \b
    Example:
        sentinel-cli alerts status
    """
    firing = [
        {
            "alert": row["name"],
            "severity": row["severity"],
            "since": row["starts_at"],
            "summary": row["annotations"].get("summary", ""),
        }
        for row in watching.alerts("default", status="firing", before=None, limit=1000)
    ]
    seen = {row["receiver"]: row for row in watching.receivers("default")}
    names = sorted({*delivery.config().receivers, *seen})
    receivers = [
        {
            "receiver": name,
            "configured": name in delivery.config().receivers,
            **{
                key: seen[name][key] if name in seen else 0
                for key in ("delivered", "pending", "failed", "failed_attempts")
            },
            "last_answer": seen[name]["last"] if name in seen else None,
        }
        for name in names
    ]
    if as_json:
        click.echo(json.dumps({"firing": firing, "receivers": receivers}, default=str, indent=2))
        return
    show(firing, False, empty="no alert is firing")
    click.echo()
    show(receivers, False, empty="alerts.yaml names no receiver, so nobody is told")


@command.command()
@click.argument("receiver")
@json_option
def test(receiver: str, as_json: bool) -> None:
    """Send a marked test notification; exit status 1 when it was not delivered.

    \b
    Example:
        sentinel-cli alerts test slack-incidents
    """
    try:
        delivery.send_test(receiver)
    except DeliveryError as problem:
        if as_json:
            answer = {"receiver": receiver, "delivered": False, "error": str(problem)}
            click.echo(json.dumps(answer))
        else:
            click.echo(f"{receiver}: not delivered: {problem}", err=True)
        sys.exit(EXIT_FAILED)
    click.echo(
        json.dumps({"receiver": receiver, "delivered": True})
        if as_json
        else f"{receiver}: delivered"
    )


for _command in (
    alert_routes.routes,
    alert_routes.check_config,
    alert_routes.replay,
    alert_routes.import_file,
    alert_routes.export_file,
    alert_why.why,
    alert_why.acknowledge,
):
    command.add_command(_command)
