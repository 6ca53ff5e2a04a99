"""Where this farm can be reached from the machine it runs on."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import httpx

from core.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@dataclass(frozen=True)
class Address:
    """URLs of the farm's services, and a client for its API."""

    chosen: Settings

    @property
    def api(self) -> str:
        """URL of the API."""
        scheme = "https" if self.chosen.tls_enabled else "http"
        return f"{scheme}://{self._host}:{self.chosen.gateway_port}"

    @property
    def grpc(self) -> str:
        """URL of the OTLP/gRPC receiver, as exporters take it."""
        scheme = "https" if self.chosen.grpc_tls_enabled else "http"
        return f"{scheme}://{self._host}:{self.chosen.grpc_port}"

    @property
    def metrics(self) -> str:
        """URL of the metrics."""
        return f"http://{self._host}:{self.chosen.metrics_port}/metrics"

    @property
    def flower(self) -> str:
        """URL of Flower."""
        return f"http://{self._host}:{self.chosen.flower_port}/"

    def client(self, key: str = "") -> httpx.Client:
        """A client of the farm's own API: no proxy, and its own certificate is not doubted."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(
            base_url=self.api,
            headers=headers,
            timeout=15,
            trust_env=False,
            verify=self._tls() if self.chosen.tls_enabled else True,
        )

    @property
    def _host(self) -> str:
        host = _EVERYWHERE.get(self.chosen.gateway_host, self.chosen.gateway_host)
        return f"[{host}]" if ":" in host else host

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.chosen.mtls_enabled and self.chosen.mtls_cert_file:
            context.load_cert_chain(self.chosen.mtls_cert_file, self.chosen.mtls_key_file)
        return context
