"""Reports: beat ticks, each schedule is looked at, and each period that is over gets one report."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.configfile import parse_duration
from core.database import unit_of_work
from core.errors import BadInput, ConfigError, Unavailable
from core.metrics import REPORT_SECONDS
from core.settings import settings
from reports.charts import charts
from reports.mail import Written
from reports.page import page
from reports.schedule import demand_receivers
from reports.tables import tables
from reports.text import subject, text
from workers import reporting_delivery, reporting_room, reporting_rows, reporting_schedules
from workers.app import app, broker_guarded
from workers.reporting_figures import gather
from workers.reporting_queries import Source
from workers.reporting_rows import Claimed, Order
from workers.reporting_schedules import Kept
from workers.task import periodic

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
QUEUE = "io"
TITLES = {"day": "Daily report", "week": "Weekly report", "month": "Monthly report"}


@periodic(lambda: TICK_SECONDS, "watch")
@app.task(name="reporting.tick")
def tick() -> None:
    """Order what is due, send on what was left lying, deliver what is to be delivered."""
    now = datetime.now(UTC)
    order_due(now)
    _send(reporting_rows.rescue(now))
    for delivery_id in reporting_delivery.due(now):
        _publish_delivery(delivery_id)


def order_due(now: datetime) -> list[UUID]:
    """Order the newest report of each schedule whose time has come; gives those ordered here.

    Times that passed while nobody looked make one report, over the newest period.
    """
    try:
        reporting_schedules.take_file(now)
    except ConfigError as problem:
        log.error("no schedule is taken from the file: %s", problem)
    placed = []
    for kept in reporting_schedules.watched():
        due = kept.schedule.due(now)
        if due is None or due <= kept.watched_from:
            continue
        order = _of_schedule(kept, due)
        with unit_of_work() as work:
            report_id = reporting_rows.place(work, order, now)
            if report_id is not None:
                placed.append(report_id)
                work.after_commit(_sender([report_id]))
                log.info(
                    "report ordered", extra={"report": str(report_id), "schedule": order.title}
                )
    return placed


def _of_schedule(kept: Kept, due: datetime) -> Order:
    one = kept.schedule
    return Order(
        tenant=kept.tenant,
        title=one.title or TITLES.get(one.period, "Report"),
        period=one.period_at(due),
        applications=one.applications,
        receivers=one.receivers,
        mail_by=one.mail_by,
        schedule_id=kept.id,
    )


def of_schedule_now(kept: Kept, now: datetime, *, send: bool) -> Order:
    """An order out of turn, over the newest complete period; its receivers get it if they shall."""
    order = _of_schedule(kept, now)
    return Order(
        tenant=order.tenant,
        title=order.title,
        period=order.period,
        applications=order.applications,
        receivers=order.receivers if send else (),
        mail_by=order.mail_by,
    )


def ask(order: Order, now: datetime, *, send: bool = True) -> UUID:
    """Order a report out of turn. Raises BadInput for a receiver that is not known.

    With `send` a worker makes it, and BrokerDown only delays it; raises Overloaded while as many
    wait as may. Else the caller makes it, by `make`.
    """
    demand_receivers(order.receivers, order.mail_by, reporting_schedules.receivers())
    with unit_of_work() as work:
        if send:
            reporting_room.demand(work, order.tenant, settings().reports_max_open)
        report_id = reporting_rows.place(work, order, now, sent=send)
        assert report_id is not None
        if send:
            work.after_commit(_sender([report_id]))
    return report_id


def _sender(reports: Iterable[UUID]) -> Callable[[], None]:
    return lambda: _send(reports)


def _send(reports: Iterable[UUID]) -> None:
    """One message for each, with its id alone. Where the broker is away, rescue sends it later."""
    for report_id in reports:
        try:
            broker_guarded(functools.partial(_message, report_id))
        except Unavailable as problem:
            log.warning("report %s waits for the broker: %s", report_id, problem)


def _message(report_id: UUID) -> None:
    make_report.apply_async((str(report_id),), queue=QUEUE)


def _publish_delivery(delivery_id: UUID) -> None:
    broker_guarded(
        lambda: deliver.apply_async((str(delivery_id),), queue=QUEUE, expires=TICK_SECONDS * 2)
    )


@app.task(name="reporting.make")
def make_report(report_id: str) -> None:
    """Make one report, unless somebody has it, and deliver it."""
    report = UUID(report_id)
    if make(report):
        for delivery_id in reporting_delivery.of_report(report):
            _publish_delivery(delivery_id)


@app.task(name="reporting.deliver")
def deliver(delivery_id: str) -> None:
    """One attempt to deliver one report to one receiver."""
    reporting_delivery.attempt(UUID(delivery_id), datetime.now(UTC))


def make(report_id: UUID, told: Callable[[int, str], None] = lambda percent, step: None) -> bool:
    """Claim, ask, draw, write, store; False where there was nothing to do or it failed.

    `told` hears of each step. What the database cannot answer now is tried again by rescue.
    """
    claimed = reporting_rows.claim(report_id, datetime.now(UTC))
    if claimed is None:
        return False

    def step(percent: int, name: str) -> None:
        reporting_rows.progress(claimed, percent, name)
        told(percent, name)

    with reporting_rows.lease(claimed), REPORT_SECONDS.time():
        try:
            stored = _made(claimed, step)
        except Unavailable:
            raise
        except Exception as problem:  # noqa: BLE001  # the report says that it failed, and why
            trace = "".join(traceback.format_tb(problem.__traceback__))
            log.error("report %s failed", report_id, extra={"trace": trace})
            reason = str(problem) if isinstance(problem, BadInput) else type(problem).__name__
            reporting_rows.fail(claimed, f"it could not be made: {reason}", datetime.now(UTC))
            return False
    kept = timedelta(seconds=parse_duration(settings().reports_retention))
    reporting_rows.forget(datetime.now(UTC) - kept)
    return stored


def _made(claimed: Claimed, step: Callable[[int, str], None]) -> bool:
    order = claimed.order
    figures = gather(
        Source(order.tenant, order.applications),
        order.title,
        order.period,
        reporting_rows.earlier(order),
        datetime.now(UTC),
        step,
    )
    step(85, "charts")
    pictures = charts(figures)
    link = reporting_rows.address(claimed.id) if settings().external_url else ""
    step(95, "writing")
    written = Written(
        subject=subject(figures),
        html=page(figures, pictures, link),
        text=text(figures, link),
        charts={chart.name: chart.png for chart in pictures},
        tables={name: table.csv() for name, table in tables(figures).items()},
    )
    return reporting_rows.finish(claimed, figures, written, datetime.now(UTC))
