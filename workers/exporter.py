"""The metrics port: what the node's processes counted, and what broker and database say now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from core.errors import SentinelError
from core.metrics import SCRAPED, exposition
from workers import presence
from workers.launch import CLASSES
from workers.rescue import queue_lengths

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger(__name__)


class _Now:
    """Gauges read at the moment of the scrape; a store that is down leaves its gauges out."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            lengths = queue_lengths()
        except SentinelError:
            lengths = {}
        length = GaugeMetricFamily(
            "sentinel_queue_length", SCRAPED["sentinel_queue_length"], labels=["queue"]
        )
        for queue, size in lengths.items():
            length.add_metric([queue], size)
        yield length
        if "io" in lengths:
            yield GaugeMetricFamily(
                "sentinel_event_buffer_size",
                SCRAPED["sentinel_event_buffer_size"],
                value=lengths["io"],
            )
        up = GaugeMetricFamily(
            "sentinel_workers_up", SCRAPED["sentinel_workers_up"], labels=["queue"]
        )
        try:
            workers = presence.fresh()
        except SentinelError:
            workers = None
        if workers is not None:
            for engine_class in CLASSES:
                up.add_metric([engine_class], workers.get(engine_class, 0))
        yield up


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
