"""A report as HTML that mail clients, browsers and telephones can read.

Tables and inline styles alone; nothing is fetched from anywhere, no script runs.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import wording
from reports.charts import Chart
from reports.figures import Figures, Line
from reports.text import subject

SHOWN = 8
NAME = 60


def page(figures: Figures, pictures: Sequence[Chart], link: str = "") -> str:
    """The whole document, its charts within it as `data:` URIs; `link` is where it is stored."""
    made: str = _template().render(
        figures=figures,
        now=figures.total.now,
        before=figures.total.before,
        charts={chart.name: chart for chart in pictures},
        subject=subject(figures),
        link=link,
        shown=SHOWN,
        widest=_widest,
    )
    return made


def data_uri(png: bytes) -> str:
    """A picture within the document."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def with_parts(html: str, pictures: Sequence[tuple[str, bytes]]) -> str:
    """The same document with its charts, by name, as parts of a mail (`cid:name`)."""
    for name, png in pictures:
        html = html.replace(f'src="{data_uri(png)}"', f'src="cid:{name}"')
    return html


def _widest(lines: Sequence[Line]) -> float:
    """What a bar of full width stands for."""
    return max((line.now.cost for line in lines), default=0.0) or 1.0


def _cut(text: str) -> str:
    return text if len(text) <= NAME else f"{text[: NAME - 1]}…"


@functools.cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("change", "whole", "short", "dollars", "millis", "span", "share", "number"):
        environment.filters[name] = getattr(wording, name)
    environment.filters |= {"clock": wording.clock, "cut": _cut, "data_uri": data_uri}
    environment.globals["change"] = wording.change
    return environment.get_template("report.html")
