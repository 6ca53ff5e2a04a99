"""Two weeks of a made-up company's traffic, the weekly report over them, and pictures of it.

python -m ops.demo_week                             in stores of its own, that vanish afterwards
python -m ops.demo_week --pictures docs/pictures    also photograph the report in Chromium
DATABASE_URL=… REDIS_URL=… python -m ops.demo_week  into a farm that runs
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from ops.demo_week.happenings import history, seed, staffed


def photograph(html: str, folder: Path) -> None:
    """Pictures of the whole report as a desktop and a telephone show it."""
    from ops.browser import photographed

    folder.mkdir(parents=True, exist_ok=True)
    for name, width in (("weekly_report.png", 900), ("weekly_report_phone.png", 375)):
        (folder / name).write_bytes(photographed(html, width))
        click.echo(f"{folder / name}: {width} px wide")


@click.command()
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for pictures of it.")
@click.option("--show-text", is_flag=True, help="As with REPORTS_SHOW_TEXT=true.")
def main(pictures: Path | None, show_text: bool) -> None:
    """Seed, make the report, print it."""
    os.environ.setdefault("AUTH_SECRET", "only for a demonstration on this machine")
    os.environ |= {"RETENTION_RAW": "30d", "REPORTS_SHOW_TEXT": str(show_text).lower()}
    with ExitStack() as stack:
        own = not os.environ.get("DATABASE_URL")
        if own:
            from core.embedded import EmbeddedStores

            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stores = stack.enter_context(EmbeddedStores(home, postgres_port=0, valkey_port=0))
            os.environ |= {"DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url}
        import migrations
        from core.settings import settings
        from workers import reporting, reporting_rows

        settings.cache_clear()
        migrations.upgrade(os.environ["DATABASE_URL"])
        now = datetime.now(UTC)
        week = history(now)
        seed(week, random.Random(7))
        if own:
            staffed(now)
        report = reporting.ask(
            reporting_rows.Order("default", "Weekly report", week), now, send=False
        )
        if not reporting.make(report):
            sys.exit(str(reporting_rows.find(report, "default")["error"]))
        files = reporting_rows.files(report)
        click.echo(files["report.txt"].decode())
        if pictures:
            photograph(files["report.html"].decode(), pictures)


if __name__ == "__main__":
    main()
