"""Reports: make one now, list and read them, look after their schedules."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from cli.output import json_option, show
from core.errors import BadInput
from reports.period import between, last_complete
from reports.schedule import KEYS, Schedule, demand_period, demand_zone, parse
from reports.tables import NAMES
from workers import reporting, reporting_delivery, reporting_rows, reporting_schedules
from workers.reporting_rows import Order
from workers.reporting_schedules import TENANT, Kept

EXIT_FAILED = 1
_FORMATS = {"html": "report.html", "text": "report.txt"}
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def command() -> None:
    """Make, list and read reports; look after their schedules.

    \b
    Example:
        sentinel-cli reports run --period week --output weekly.html
    """


@command.command()
@click.argument("schedule", required=False)
@click.option("--period", help="day, week, month, or such as 6h; default week.")
@click.option("--start", type=_MOMENT, help="Beginning, in the time zone; with --end.")
@click.option("--end", type=_MOMENT, help="End, in the time zone; with --start.")
@click.option("--timezone", default="UTC", show_default=True, help="Whose days and weeks.")
@click.option("--application", "applications", multiple=True, help="Only this one; repeatable.")
@click.option("--title", help="Its heading.")
@click.option("--to", "receivers", multiple=True, help="Receiver or mail address; repeatable.")
@click.option("--mail-by", help="Receiver whose mail server carries mail to addresses.")
@click.option("--send", is_flag=True, help="Send it to the receivers of SCHEDULE.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write its HTML.")
@json_option
def run(
    schedule: str | None,
    period: str | None,
    start: datetime | None,
    end: datetime | None,
    timezone: str,
    applications: tuple[str, ...],
    title: str | None,
    receivers: tuple[str, ...],
    mail_by: str | None,
    send: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a report now, of a SCHEDULE or of a period; exit status 1 when it failed.

    It is made in this process, also where no worker runs, and stored like any other.

    \b
    Example:
        sentinel-cli reports run weekly --output weekly.html
        sentinel-cli reports run --period 6h --application shop --to ann@example.com
    """
    now = datetime.now(UTC)
    if schedule:
        kept = reporting_schedules.named(schedule, TENANT)
        order = reporting.of_schedule_now(kept, now, send=send)
    else:
        chosen = _period(period, start, end, timezone, now)
        order = Order(
            tenant=TENANT,
            title=title or reporting.TITLES.get(chosen.kind, "Report"),
            period=chosen,
            applications=applications,
            receivers=receivers,
            mail_by=mail_by,
        )
    report = reporting.ask(order, now, send=False)
    made = reporting.make(report, (lambda percent, step: None) if as_json else _told)
    if made:
        for delivery_id in reporting_delivery.of_report(report):
            reporting_delivery.attempt(delivery_id, datetime.now(UTC))
        if output:
            output.write_bytes(reporting_rows.file(report, "report.html") or b"")
    _show(report, as_json)
    deliveries = reporting_rows.deliveries(report)
    if not made or any(one["state"] != "delivered" for one in deliveries):
        sys.exit(EXIT_FAILED)


def _period(
    kind: str | None, start: datetime | None, end: datetime | None, zone: str, now: datetime
) -> Any:
    from zoneinfo import ZoneInfo

    demand_zone(zone)
    if start and end and not kind:
        here = ZoneInfo(zone)
        return between(start.replace(tzinfo=here), end.replace(tzinfo=here), zone)
    if start or end:
        raise BadInput("give --start and --end together, or --period instead")
    return last_complete(demand_period(kind or "week"), now, zone)


def _told(percent: int, step: str) -> None:
    click.echo(f"{percent:>3} %  {step}", err=True)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["title"],
        "state": row["state"],
        "percent": row["percent"],
        "period": row["period"],
        "from": row["period_start"],
        "to": row["period_end"],
        "created_at": row["created_at"],
        "error": row["error"],
    }


def _show(report: UUID, as_json: bool) -> None:
    row = _row(reporting_rows.find(report, TENANT))
    sent = reporting_rows.deliveries(report)
    if as_json:
        click.echo(json.dumps({**row, "deliveries": sent}, default=str, indent=2))
        return
    show([row], False, empty="")
    told = [
        {
            "receiver": one["receiver"],
            "state": one["state"],
            "attempts": len(one["attempts"]),
            "last_answer": one["attempts"][-1]["detail"] if one["attempts"] else None,
        }
        for one in sent
    ]
    if told:
        show(told, False, empty="")


@command.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
def listed(limit: int, as_json: bool) -> None:
    """List reports, newest first.

    \b
    Example:
        sentinel-cli reports list --limit 5
    """
    rows = reporting_rows.listed(TENANT, schedule=None, state=None, before=None, limit=limit)
    show([_row(row) for row in rows], as_json, empty="no report was made yet")


@command.command("show")
@click.argument("report", type=click.UUID)
@click.option("--format", "form", type=click.Choice([*_FORMATS, "csv"]), default="text")
@click.option("--table", type=click.Choice(NAMES), help="With --format csv.")
@json_option
def show_report(report: UUID, form: str, table: str | None, as_json: bool) -> None:
    """Print a report as text, HTML or one table as CSV; with --json what is known of it.

    \b
    Example:
        sentinel-cli reports show 01a2001f-3d8f-75e2-a974-ab6987b6bcc1 --format csv --table traffic
    """
    row = reporting_rows.find(report, TENANT)
    if as_json or row["state"] != "completed":
        _show(report, as_json)
        if row["state"] == "failed":
            sys.exit(EXIT_FAILED)
        return
    if form == "csv" and table is None:
        raise BadInput(f"--format csv needs --table; one of {', '.join(NAMES)}")
    name = f"{table}.csv" if form == "csv" else _FORMATS[form]
    click.echo((reporting_rows.file(report, name) or b"").decode(), nl=False)


@command.group()
def schedules() -> None:
    """List, store and remove schedules of reports.

    \b
    Example:
        sentinel-cli reports schedules list
    """


@schedules.command("list")
@json_option
def schedules_listed(as_json: bool) -> None:
    """List the schedules, those of reports.yaml among them.

    \b
    Example:
        sentinel-cli reports schedules list
    """
    kept = reporting_schedules.listed(TENANT, before=None, limit=1000)
    show([_schedule(one) for one in kept], as_json, empty="no schedule; see docs/reports.md")


def _schedule(kept: Kept) -> dict[str, Any]:
    one = kept.schedule
    coming = one.next(datetime.now(UTC)) if one.enabled else None
    return {"origin": kept.origin, **one.body(), "next_due": coming}


@schedules.command("put")
@click.argument("name")
@click.option("--cron", required=True, help="Five fields, such as '0 8 * * MON'.")
@click.option("--timezone", default="UTC", show_default=True)
@click.option("--period", default="week", show_default=True, help="day, week, month or such as 6h.")
@click.option("--application", "applications", multiple=True, help="Repeatable; default all.")
@click.option("--to", "receivers", multiple=True, help="Receiver or mail address; repeatable.")
@click.option("--mail-by", help="Receiver whose mail server carries mail to addresses.")
@click.option("--title", default="")
@click.option("--enabled/--disabled", default=True)
@json_option
def schedules_put(name: str, as_json: bool, **given: Any) -> None:
    """Store a schedule under NAME, in place of the one that stands there.

    \b
    Example:
        sentinel-cli reports schedules put weekly --cron '0 8 * * MON' --timezone Europe/Berlin \\
            --to ann@example.com
    """
    one: Schedule = parse({"name": name, **{key: given[key] for key in KEYS if key in given}})
    kept = reporting_schedules.put(one, TENANT, datetime.now(UTC))
    show([_schedule(kept)], as_json, empty="")


@schedules.command("remove")
@click.argument("name")
@json_option
def schedules_remove(name: str, as_json: bool) -> None:
    """Remove a stored schedule; its reports stay.

    \b
    Example:
        sentinel-cli reports schedules remove weekly
    """
    kept = reporting_schedules.named(name, TENANT)
    reporting_schedules.remove(kept.id, TENANT, datetime.now(UTC))
    click.echo(json.dumps({"removed": name}) if as_json else f"{name}: removed")
