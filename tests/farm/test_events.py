"""What Celery's events, and so Flower, show of tasks: names and ids, never content."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event
from workers.app import app

pytestmark = pytest.mark.farm

MARKER = "crimson-penguin-9"


@pytest.fixture
def seen(farm: Farm) -> Iterator[list[dict[str, Any]]]:
    """Task events as they come, once somebody asks for them as Flower does."""
    found: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": found.append})
        thread = threading.Thread(target=lambda: receiver.capture(timeout=10, wakeup=False))
        thread.start()
        app.control.enable_events()
        eventually(lambda: any(one["type"].startswith("task-") for one in found))
        yield found
        receiver.should_stop = True
        thread.join()
        app.control.disable_events()


def test_events_show_names_and_ids_never_content(farm: Farm, seen: list[dict[str, Any]]) -> None:
    farm.finished(farm.submit(text=f"tell me of the {MARKER}"))
    farm.client.post(EVENTS, json=event("events", prompt=MARKER))

    def names() -> bool:
        received = {one.get("name") for one in seen if one["type"] == "task-received"}
        return {"analysis.analyze", "telemetry.drain"} <= received

    eventually(names)
    assert MARKER not in json.dumps(seen, default=str)
    received = [one for one in seen if one["type"] == "task-received"]
    assert {(one["args"], one["kwargs"]) for one in received} == {("-", "-")}
