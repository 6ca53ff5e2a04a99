"""The farm's application whose telemetry handler does all but store: what the rest costs."""

from __future__ import annotations

from api.app import create_app
from workers import ingestion


def _nothing(*_: object, **__: object) -> None:
    """In the place of `accept`."""


ingestion.accept = _nothing
app = create_app()
