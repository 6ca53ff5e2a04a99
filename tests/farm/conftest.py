from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

import migrations
from core.database import engine, unit_of_work
from core.ids import new_id
from core.settings import settings
from tests.conftest import Farm
from tests.farm.report_orders import SCHEDULES, Make


@pytest.fixture(scope="module")
def own_database(stores: Any) -> Iterator[None]:
    """This process works on a database of its own, which no farm's tick looks at: one would end the
    anomalies of entries that it does not know."""
    url = sa.make_url(stores.database_url).set(database=f"own_{new_id().hex}")
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {url.database}"))
    own = url.render_as_string(hide_password=False)
    migrations.upgrade(own)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATABASE_URL", own)
        settings.cache_clear()
        yield
        engine().dispose()
    settings.cache_clear()


@pytest.fixture
def schedule(farm: Farm) -> Iterator[Make]:
    """Makes schedules by API that are gone afterwards. The first day on which they count is old."""
    made: list[dict[str, Any]] = []

    def make(since: datetime, **given: Any) -> dict[str, Any]:
        body = {"name": f"s-{new_id()}", "cron": "0 8 * * *", "period": "day", **given}
        answer = farm.client.post(SCHEDULES, json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
        with unit_of_work() as work:
            work.execute(
                "UPDATE report_schedules SET watched_from = :since WHERE id = :id",
                since=since,
                id=UUID(made[-1]["id"]),
            )
        return made[-1]

    yield make
    for one in made:
        farm.client.delete(f"{SCHEDULES}/{one['id']}")
