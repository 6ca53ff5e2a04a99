"""A guard call without a farm: the handler runs the engines inline, served by gunicorn gthread."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from ops.bench.alone import judged

app = Flask("bare")


@app.post("/api/v1/analyze")
def analyze() -> Response:
    """The verdict over one prompt."""
    return jsonify(judged(request.get_json()["text"]))


judged("warm up")
