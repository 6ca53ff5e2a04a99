"""Starts the HTTP API in this process: gunicorn with threads."""

from __future__ import annotations

import gc
import ssl
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from api import leftover
from core import prices
from core.analysis import Mode
from core.errors import ConfigError
from core.logs import configure
from core.metrics_home import share
from core.settings import Settings, settings
from engines.catalogue import select

KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 5


class QuietLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own lines go through the farm's log; requests are logged by the application."""

    def setup(self, cfg: Any) -> None:
        """Hand everything to the root logger."""
        self.error_log.handlers[:] = []
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True


class _Server(BaseApplication):  # type: ignore[misc]
    def load_config(self) -> None:
        for key, value in _options(settings()).items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """The application. What it is made of is no garbage and need not be looked through for
        some, which costs a large document up to a third of its time."""
        from api.app import create_app

        made = create_app()
        gc.collect()
        gc.freeze()
        return made


def _options(chosen: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bind": f"{chosen.gateway_host}:{chosen.gateway_port}",
        "worker_class": "gthread",
        "workers": chosen.gateway_workers,
        "threads": chosen.gateway_threads,
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "timeout": 60,
        "control_socket_disable": True,
        "logger_class": "api.launch.QuietLogger",
        "pre_request": leftover.remember,
    }
    if chosen.tls_enabled or chosen.mtls_enabled:
        if not (chosen.mtls_cert_file and chosen.mtls_key_file):
            raise ConfigError("TLS needs MTLS_CERT_FILE and MTLS_KEY_FILE")
        options |= {"certfile": str(chosen.mtls_cert_file), "keyfile": str(chosen.mtls_key_file)}
    if chosen.mtls_enabled:
        if not chosen.mtls_ca_file:
            raise ConfigError("MTLS_ENABLED needs MTLS_CA_FILE")
        options |= {"ca_certs": str(chosen.mtls_ca_file), "cert_reqs": ssl.CERT_REQUIRED}
    return options


def serve() -> None:
    """Serve until told to stop. Raises ConfigError for unusable settings, before any fork."""
    chosen = settings()
    share(chosen.sentinel_home)
    configure("api")
    _options(chosen)
    prices.table()
    select(Mode.BALANCED, enabled=chosen.enabled_engines, disabled=chosen.disabled_engines)
    _Server().run()
