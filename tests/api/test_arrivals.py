"""Small posts of the same moment share a batch, by whatever way they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from api import arrivals
from api.app import create_receiver
from api.grpc_receiver import Receiver
from api.routes import otlp
from tests.api.otlp_samples import document, json_span, request, span
from workers import ingestion, pending

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


class Caller:
    """What gRPC tells of a request."""

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:5000"


class Kept:
    """Stands where Valkey is; keeps the first batch only once so many others wait."""

    def __init__(self, others: int) -> None:
        self.others, self.sizes = others, list[int]()
        self.begun = threading.Event()

    def __call__(self, batches: Mapping[str, bytes], events: int) -> bool:
        self.sizes.append(events)
        self.begun.set()
        while len(self.sizes) == 1 and len(ingestion._groups._parts) < self.others:
            threading.Event().wait(0.001)
        return False


def ways(opened: Any) -> list[Callable[[], int]]:
    """One event by OTLP/HTTP in both formats, by OTLP/gRPC and as JSON; each answers a status."""
    app = opened().application
    receiver = Receiver(create_receiver())
    sent = request(span()).SerializeToString()
    texts = json.dumps(document("shop", json_span())), json.dumps({"timestamp": now()})

    def post(path: str, data: Any, headers: dict[str, str]) -> int:
        return int(app.test_client().post(path, data=data, headers=headers).status_code)

    return [
        lambda: post("/v1/traces", sent, PROTOBUF),
        lambda: post("/v1/traces", texts[0], JSON),
        lambda: len(receiver.export(sent, Caller())) or 200,  # type: ignore[arg-type]
        lambda: post("/api/v1/telemetry/events", texts[1], JSON),
    ]


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_posts_at_once_share_a_batch(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = ways(opened)
    kept, answers = Kept(len(others)), list[int]()
    monkeypatch.setattr(pending, "keep", kept)
    threads = [
        threading.Thread(target=lambda way=way: answers.append(way())) for way in (first, *others)
    ]
    threads[0].start()
    assert kept.begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (sorted(answers), kept.sizes) == ([200, 200, 200, 202], [1, 3])


@pytest.mark.parametrize(("way", "place"), [(0, "from_protobuf"), (1, "from_json"), (2, "harvest")])
@pytest.mark.parametrize("small", [True, False])
def test_a_small_post_that_is_being_read_is_waited_for(
    opened: Any, monkeypatch: pytest.MonkeyPatch, way: int, place: str, small: bool
) -> None:
    seen: list[set[int]] = []
    whole = otlp.otlp if place == "harvest" else otlp
    read = getattr(whole, place)

    def reading(*given: Any, **named: Any) -> Any:
        seen.append(set(ingestion._groups._coming))
        return read(*given, **named)

    monkeypatch.setattr(whole, place, reading)
    monkeypatch.setattr(pending, "keep", lambda batches, events: False)
    if not small:
        monkeypatch.setattr(arrivals, "SMALL", 10)
    assert ways(opened)[way]() == 200
    assert seen == [{threading.get_ident()} if small else set()]
    assert ingestion._groups._coming == set()
