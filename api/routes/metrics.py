"""Prometheus text."""

from __future__ import annotations

from flask import Blueprint, Response

from api.operations import operation
from workers import exporter

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@operation(
    "Prometheus metrics of the node",
    tag="health",
    answers={200: ("Prometheus text format 0.0.4.", {"text/plain": {"type": "string"}})},
)
def scrape() -> Response:
    """The same page as on the metrics port."""
    return Response(exporter.page(), content_type=exporter.CONTENT_TYPE)
