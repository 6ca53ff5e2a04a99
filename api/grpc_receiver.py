"""OTLP over gRPC: `TraceService/Export` hands the request to the view of OTLP/HTTP.

So both have the same doors (key, rate limit), checks, log lines and answers; the code and details
of a failure are those of its google.rpc.Status.
"""

from __future__ import annotations

import gc
import io
import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import grpc
from flask import Flask
from google.rpc.status_pb2 import Status
from werkzeug.test import create_environ

from api.grpc_health import Health
from api.otlp_answers import PROTOBUF
from api.routes.otlp import MAX_BYTES, PATH, SOURCE
from core import prices
from core.errors import ConfigError, StartError
from core.settings import Settings, settings

log = logging.getLogger(__name__)

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
GRACE_SECONDS = 5
_PASSED = ("authorization", "x-api-key", "x-request-id")
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class Receiver:
    """Answers exports through an application that has the OTLP route."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def handler(self) -> grpc.GenericRpcHandler:
        """The service, for `add_generic_rpc_handlers`; messages stay bytes here."""
        return grpc.method_handlers_generic_handler(
            SERVICE, {"Export": grpc.unary_unary_rpc_method_handler(self.export)}
        )

    def export(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """One ExportTraceServiceRequest; its response, or an abort with the Status' code."""
        with self._app.request_context(_environment(request, context)):
            answer = self._app.full_dispatch_request()
        body = answer.get_data()
        if answer.status_code == 200:
            return body
        _abort(context, body)


def _environment(request: bytes, context: grpc.ServicerContext) -> dict[str, Any]:
    given = {str(key): value for key, value in context.invocation_metadata()}
    headers = {key: str(given[key]) for key in _PASSED if key in given}
    made: dict[str, Any] = create_environ(
        PATH,
        "http://localhost",
        method="POST",
        headers=headers,
        input_stream=io.BytesIO(request),
        content_length=len(request),
        content_type=PROTOBUF,
    )
    made["REMOTE_ADDR"] = _address(context.peer())
    made[SOURCE] = "otlp-grpc"
    return made


def _address(peer: str) -> str:
    """`ipv4:127.0.0.1:5000` and `ipv6:%5B::1%5D:5000` without scheme and port."""
    host = peer.partition(":")[2].rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]") or "127.0.0.1"


def _abort(context: grpc.ServicerContext, body: bytes) -> NoReturn:
    status = Status.FromString(body)
    context.set_trailing_metadata((("grpc-status-details-bin", body),))
    context.abort(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
    raise AssertionError("abort raises")


def open_server(app: Flask, health: Health, chosen: Settings) -> tuple[grpc.Server, int]:
    """A server that listens, not yet started, and its port.

    Raises ConfigError for TLS without its files and StartError for a port that cannot be had.
    """
    server = grpc.server(
        ThreadPoolExecutor(chosen.gateway_threads, thread_name_prefix="grpc"),
        handlers=[Receiver(app).handler(), health.handler()],
        options=(
            ("grpc.max_receive_message_length", MAX_BYTES),
            ("grpc.so_reuseport", 0),
        ),
    )
    host = f"[{chosen.gateway_host}]" if ":" in chosen.gateway_host else chosen.gateway_host
    address = f"{host}:{chosen.grpc_port}"
    try:
        port = (
            server.add_secure_port(address, _credentials(chosen))
            if chosen.grpc_tls_enabled
            else server.add_insecure_port(address)
        )
    except RuntimeError:
        port = 0
    if not port:
        raise StartError(
            f"port {chosen.grpc_port} of {chosen.gateway_host} cannot be bound; "
            "set GRPC_PORT to a free one"
        )
    return server, port


def _credentials(chosen: Settings) -> grpc.ServerCredentials:
    if not (chosen.mtls_cert_file and chosen.mtls_key_file):
        raise ConfigError("GRPC_TLS_ENABLED needs MTLS_CERT_FILE and MTLS_KEY_FILE")
    if chosen.mtls_enabled and not chosen.mtls_ca_file:
        raise ConfigError("MTLS_ENABLED needs MTLS_CA_FILE")
    try:
        pair = (chosen.mtls_key_file.read_bytes(), chosen.mtls_cert_file.read_bytes())
        authority = chosen.mtls_ca_file.read_bytes() if chosen.mtls_ca_file else None
    except OSError as problem:
        raise ConfigError(f"{problem.filename} cannot be read: {problem.strerror}") from problem
    return grpc.ssl_server_credentials(
        [pair], root_certificates=authority, require_client_auth=chosen.mtls_enabled
    )


def serve() -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end. Raises ConfigError."""
    from core.logs import configure
    from core.metrics_home import share
    from workers.launch import metrics_beside

    chosen = settings()
    share(chosen.sentinel_home)
    configure("grpc")
    prices.table()
    from api.app import create_receiver

    app, health, asked = create_receiver(), Health(SERVICE), threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    gc.collect()
    gc.freeze()
    server, port = open_server(app, health, chosen)
    metrics_beside()
    server.start()
    log.info("OTLP/gRPC listens on %s:%d", chosen.gateway_host, port)
    asked.wait()
    health.leave()
    with suppress(KeyboardInterrupt):
        server.stop(GRACE_SECONDS).wait()
