"""Blocked inputs as examples: what was found, and where the settings allow it a redacted passage.

A passage is looked through once more by every engine for secrets and personal data, whatever the
job's policy said, and by coarser rules after them. In doubt there is no passage.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.analysis import Content, EngineClass, Outcome
from core.settings import settings
from engines.base import MAX_SPANS, Engine
from engines.catalogue import catalogue
from engines.runner import run
from reports.figures import Example
from workers.runs import contents_between

SHOWN = 5
AROUND = 80
"""Characters of a passage on either side of where the first finding begins."""
LOOKED_AT = 20_000
"""Characters of a long text that are looked through for the sake of its passage."""
PROTECTED = {"secrets": "[secret]", "personal_data": "[personal data]"}
WITHHELD = "[withheld]"
_COARSE = re.compile(
    r"\S*@\S+"  # addresses
    r"|(?<=\?)\S*=\S*"  # queries of links
    r"|[A-Za-z0-9+/=_\-]{20,}"  # keys, digests
    r"|\+?\d[\d\s().\-/]{3,}\d"  # numbers, dates
)


def examples(rows: Sequence[Any]) -> tuple[Example, ...]:
    """At most SHOWN inputs, each once, the riskiest of each category first."""
    found: dict[tuple[Any, int], Example] = {}
    for row in sorted(rows, key=lambda row: (-row.risk, row.category)):
        if len(found) < SHOWN:
            found.setdefault((row.analysis_id, row.item), _example(row))
    return tuple(found.values())


def _example(row: Any) -> Example:
    names = dict.fromkeys(f"{one['category']}: {one['label']}" for one in row.findings)
    return Example(
        at=row.created_at,
        application=row.application_id,
        analysis_id=str(row.analysis_id),
        risk=row.risk,
        findings=tuple(names)[:4],
        text=_passage(row) if settings().reports_show_text else None,
    )


def _passage(row: Any) -> str | None:
    """The redacted surroundings of the first finding; None where retention has dropped the text."""
    contents = contents_between(row.accepted_at, row.analysis_id, row.item, row.item)
    fields = contents[0].fields() if contents else {}
    spots = [(f["field"], f["spans"][0][0]) for f in row.findings if f["spans"]]
    field, at = next(((f, at) for f, at in spots if f in fields), ("text", 0))
    return redacted(fields[field], at) if fields.get(field) else None


def redacted(text: str, at: int) -> str | None:
    """The passage of `text` around the place `at` without secrets and personal data, or None."""
    start = max(0, at - LOOKED_AT // 2)
    part = text[start : start + LOOKED_AT]
    masks = _masks(part)
    if masks is None:
        return None
    # Coarse masks go over the whole part, so that none begins or ends within the passage.
    masks += [(*match.span(), WITHHELD) for match in _COARSE.finditer(part)]
    low, high = max(0, at - start - AROUND), at - start + AROUND
    shown, place = [], low
    for first, last, mask in sorted(masks):
        if last <= place or first >= high:
            continue
        shown += [part[place : max(place, first)], mask if first >= place else ""]
        place = last
    passage = "".join([*shown, part[place:high]])
    plain = "".join(sign if sign.isprintable() else " " for sign in passage)
    edges = ("…" if start + low else "", "…" if start + max(high, place) < len(text) else "")
    return f"{edges[0]}{' '.join(plain.split())}{edges[1]}"


def _masks(text: str) -> list[tuple[int, int, str]] | None:
    """Where the engines see what must not be shown; None where one of them did not answer."""
    content = Content(text=text, response=text)
    found = []
    for result in run(_guards(), [content])[0]:
        if result.outcome not in (Outcome.CLEAN, Outcome.FLAGGED, Outcome.UNSUPPORTED):
            return None
        for finding in result.findings:
            if len(finding.spans) >= MAX_SPANS:
                return None
            mask = PROTECTED.get(finding.category, WITHHELD)
            found += [(*span, mask) for span in finding.spans]
    return found


@functools.cache
def _guards() -> Sequence[Engine]:
    known: Mapping[str, Engine] = catalogue()
    return [
        engine
        for engine in known.values()
        if engine.category in PROTECTED and engine.engine_class is EngineClass.CPU
    ]
