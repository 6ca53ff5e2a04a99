"""The metrics port: what the node's processes counted, and what broker and database say now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from core.database import single
from core.errors import SentinelError
from core.metrics import SCRAPED, exposition
from workers import admission, alert_config, canary, pending, presence
from workers.app import BATCH_QUEUES, QUEUES, RUN_QUEUES
from workers.holding import is_held
from workers.launch import CLASSES
from workers.queues import queue_lengths

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger(__name__)


class _Now:
    """Gauges read at the moment of the scrape; a store that is down leaves its gauges out."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield _by_queue("sentinel_queue_length", _known(queue_lengths))
        if buffered := _known(lambda: {"events": pending.waiting()}):
            yield GaugeMetricFamily(
                "sentinel_event_buffer_size",
                SCRAPED["sentinel_event_buffer_size"],
                value=buffered["events"],
            )
        yield _by_queue("sentinel_queue_oldest_seconds", _known(oldest))
        yield _by_queue("sentinel_queue_proof_seconds", _known(_proof_ages))
        yield _by_queue("sentinel_queue_projected_wait_seconds", _known(_waits))
        yield _by_queue("sentinel_worker_slots", _known(_slots))
        yield _by_queue("sentinel_workers_up", _known(_workers))
        for ok in _known(_alert_config).values():
            name = "sentinel_alert_config_ok"
            yield GaugeMetricFamily(name, SCRAPED[name], value=ok)


def _known(read: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
    try:
        return read()
    except SentinelError:
        return {}


def _by_queue(name: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, SCRAPED[name], labels=["queue"])
    for queue, value in values.items():
        gauge.add_metric([queue], value)
    return gauge


def oldest() -> Mapping[str, float]:
    """Age in seconds of the oldest waiting run by queue, 0 for none. Raises DatabaseDown.

    A part of a batch that was moved to the lane of single inputs does not speak for that lane: it
    is older than anything there.
    """
    rows = single(
        "SELECT r.queue, extract(epoch FROM now() - min(r.created_at))::float AS age FROM runs r"
        " WHERE r.state = 'queued' AND (r.queue = ANY(CAST(:batch AS text[])) OR EXISTS (SELECT"
        "  FROM analyses a WHERE a.id = r.analysis_id AND a.kind <> 'batch')) GROUP BY 1",
        batch=list(BATCH_QUEUES),
    )
    found = {row.queue: row.age for row in rows if not is_held(row.queue)}
    return {**dict.fromkeys(RUN_QUEUES, 0.0), **found}


def _alert_config() -> Mapping[str, float]:
    return {"ok": 0.0 if alert_config.state()["error"] else 1.0}


def _proof_ages() -> Mapping[str, float]:
    return {queue: proof.age_s for queue, proof in canary.proofs().items()}


def _waits() -> Mapping[str, float]:
    load = admission.look()
    return {queue: load.wait(queue) for queue in RUN_QUEUES}


def _slots() -> Mapping[str, float]:
    return {**dict.fromkeys(QUEUES, 0), **presence.slots()}


def _workers() -> Mapping[str, float]:
    return {**dict.fromkeys(CLASSES, 0), **presence.fresh()}


def page() -> bytes:
    """The whole exposition in Prometheus text format."""
    now = CollectorRegistry()
    now.register(_Now())
    return exposition() + generate_latest(now)


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> list[bytes]:
    """A WSGI application that knows `/metrics` alone."""
    if environ.get("PATH_INFO") not in ("/metrics", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"ask for /metrics\n"]
    body = page()
    start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
    return [body]


class _Scrape(WSGIRequestHandler):
    timeout = 5
    """Seconds after which a peer that sends nothing is let go."""

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a scrape was not answered", exc_info=True)


def server(host: str, port: int) -> WSGIServer:
    """Listens for scrapes; one thread each, so that a silent peer keeps nobody waiting."""
    return make_server(host, port, application, server_class=_Server, handler_class=_Scrape)


def serve(host: str, port: int) -> None:
    """Answer scrapes until the process ends. Raises OSError when the port is taken."""
    with server(host, port) as listening:
        listening.serve_forever()
