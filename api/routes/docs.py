"""The OpenAPI document, and a page to read it. Its script is served from here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, current_app, send_file

from api.openapi import document
from api.operations import operation

blueprint = Blueprint("docs", __name__)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sentinel API</title>
<style>body { margin: 0 }</style>
</head>
<body>
<div id="page"></div>
<script src="/docs/redoc.js"></script>
<script>
Redoc.init("/api/v1/openapi.json", { disableSearch: false, hideDownloadButtons: false },
  document.getElementById("page"));
</script>
</body>
</html>
"""


@blueprint.get("/api/v1/openapi.json")
@operation(
    "This document",
    tag="docs",
    answers={200: ("OpenAPI 3.1.", {"application/json": {"type": "object"}})},
    public=True,
)
def openapi() -> Response:
    """The promise of every route; made once, because routes do not change while it runs."""
    made = current_app.extensions
    if "openapi" not in made:
        made["openapi"] = current_app.json.dumps(document(current_app))
    return Response(made["openapi"], content_type="application/json")


def page() -> Response:
    """A page that renders the document."""
    return Response(_PAGE, content_type="text/html; charset=utf-8")


def script() -> Response:
    """Redoc, as bundled by its package."""
    found = find_spec("flask_openapi3_redoc")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "templates" / "redoc" / "js"
    return send_file(folder / "redoc.standalone.js", mimetype="text/javascript", max_age=86400)


page.public = True  # type: ignore[attr-defined]
script.public = True  # type: ignore[attr-defined]
blueprint.add_url_rule("/docs", view_func=page)
blueprint.add_url_rule("/docs/redoc.js", view_func=script)
