"""A report as plain text: the alternative of the mail, and what a terminal shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reports.figures import Count, Figures, Line
from reports.wording import (
    change,
    clock,
    dollars,
    millis,
    number,
    share,
    short,
    span,
    whole,
)

SHOWN = 10
NAME = 26
_TOTALS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("Calls", "calls", whole),
    ("Errors", "error_rate", share),
    ("Latency, median", "p50_ms", millis),
    ("Latency, p95", "p95_ms", millis),
    ("Latency, p99", "p99_ms", millis),
    ("Cost", "cost", dollars),
    ("Tokens", "total_tokens", short),
)


def text(figures: Figures, link: str = "") -> str:
    """The whole report in lines of at most 76 signs, but for long names and `link`."""
    lines: list[str] = []
    for part in (_head, _traffic, _verdicts, _alerting, _health):
        lines += [*part(figures), ""]
    if link:
        lines.append(f"In a browser: {link}")
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"


def subject(figures: Figures) -> str:
    """One line without control characters, for a mail."""
    line = f"{figures.title}: {figures.period.label}"
    return " ".join("".join(c if c.isprintable() else " " for c in line).split())[:200]


def _head(figures: Figures) -> Iterator[str]:
    title = subject(figures)
    yield title
    yield "=" * min(len(title), 76)
    yield f"Times are those of {figures.period.zone}. Compared with the {figures.period.word}"
    yield "before."
    if figures.applications:
        yield f"Applications: {', '.join(figures.applications)}"
    if figures.empty:
        yield "Nothing happened in this period: no calls, verdicts or alerts."
    for note in figures.notes:
        yield f"Note: {note}"


def _traffic(figures: Figures) -> Iterator[str]:
    now = figures.total.now
    yield from _heading("Traffic and cost")
    for title, name, form in _TOTALS:
        yield _fact(title, form(getattr(now, name)), _changed(figures.total, name))
    if figures.by_application:
        yield from _usage("By application", figures.by_application, "application")
    if figures.by_model:
        yield from _usage("By model", figures.by_model, "model")


def _changed(line: Line, name: str) -> str:
    """The change of one figure, empty where the period before is not known."""
    before = None if line.before is None else getattr(line.before, name)
    return change(getattr(line.now, name), before)


def _usage(title: str, lines: Sequence[Line], key: str) -> Iterator[str]:
    yield ""
    yield _row(title, "calls", "errors", "p95", "cost", "change")
    for line in lines[:SHOWN]:
        now = line.now
        yield _row(
            getattr(line, key) or "(not named)",
            short(now.calls),
            share(now.error_rate),
            millis(now.p95_ms),
            dollars(now.cost),
            _changed(line, "cost"),
        )


def _verdicts(figures: Figures) -> Iterator[str]:
    verdicts = figures.verdicts
    yield from _heading("Verdicts")
    if not verdicts.judged:
        yield "No input was judged."
        return
    yield _fact(
        "Inputs judged", whole(verdicts.judged), change(verdicts.judged, verdicts.judged_before)
    )
    yield from (_count(count) for count in verdicts.actions)
    if verdicts.degraded:
        yield _fact("of these degraded", whole(verdicts.degraded), "")
    if verdicts.categories:
        yield ""
        yield _row("Category", "found", "blocked", "change")
        for one in verdicts.categories[:SHOWN]:
            yield _row(
                one.name, whole(one.found), whole(one.blocked), change(one.found, one.found_before)
            )
    flagged = [engine for engine in verdicts.engines if engine.flagged]
    if flagged:
        yield ""
        yield _row("Engine", "flagged", "failed", "mean")
        for each in flagged[:SHOWN]:
            yield _row(each.name, whole(each.flagged), whole(each.failed), millis(each.mean_ms))
    if verdicts.examples:
        yield ""
        yield "Blocked, for example:"
        for example in verdicts.examples:
            at = clock(figures.period.local(example.at))
            yield f"- {at}, {example.application}, risk {example.risk:.2f}"
            yield f"  {', '.join(example.findings)}"
            if example.text is not None:
                yield f"  {example.text}"


def _alerting(figures: Figures) -> Iterator[str]:
    alerting = figures.alerting
    yield from _heading("Anomalies and alerts")
    yield _count(alerting.anomalies)
    yield _count(alerting.alerts)
    yield _fact("Median to acknowledge", span(alerting.to_acknowledge_s), "")
    yield _fact("Median to resolve", span(alerting.to_resolve_s), "")
    for one in alerting.worst[:SHOWN]:
        at = clock(figures.period.local(one.at))
        usual = "" if one.baseline is None else f", usually {number(one.baseline)}"
        yield f"- {at}, {one.severity}, {one.labels or one.detector}"
        yield f"  {one.metric} {number(one.value)}{usual}"


def _health(figures: Figures) -> Iterator[str]:
    health = figures.health
    yield from _heading("The farm itself")
    yield from (_count(count, "Jobs ") for count in health.jobs)
    yield _fact("Jobs retried", whole(health.retried.now), "")
    if health.lanes:
        yield ""
        yield _row("Queue", "runs", "median", "p95", "deaths")
        for lane in health.lanes:
            waits = (span(lane.wait_p50_s), span(lane.wait_p95_s))
            yield _row(lane.queue, whole(lane.runs), *waits, whole(lane.deaths))
    told = ", ".join(f"{count.name} {count.now}" for count in health.workers) or "none"
    yield f"Workers up when this was written: {told}"


def _heading(title: str) -> Iterable[str]:
    return (title, "-" * len(title))


def _fact(name: str, value: str, changed: str) -> str:
    return f"{name:<24}{value:>14}  {changed}"


def _count(count: Count, prefix: str = "") -> str:
    name = f"{prefix}{count.name.replace('_', ' ')}"
    return _fact(name[:1].upper() + name[1:], whole(count.now), change(count.now, count.before))


def _row(name: str, *cells: str) -> str:
    shown = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    return f"{shown:<{NAME}}" + "".join(f"{cell:>10}" for cell in cells)
