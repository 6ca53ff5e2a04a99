from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from reports.figures import (
    AlertCount,
    Alerting,
    Bucket,
    Category,
    Count,
    EngineCount,
    Example,
    Figures,
    Health,
    Lane,
    Line,
    Oddity,
    Told,
    Usage,
    Verdicts,
)
from reports.period import last_complete

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
WEEK = last_complete("week", NOW, "Europe/Berlin")
EMPTY = Figures("Weekly report", WEEK, (), NOW, Line("", "", Usage(), Usage()))
EVIL = "<script>alert(1)</script>"

_NOW = Usage(1200, 24, 3, 400.0, 2300.0, 5200.0, 90_000, 30_000, 120_000, 150.0)
_BEFORE = Usage(1000, 30, 0, 410.0, 2500.0, 5200.0, 80_000, 20_000, 100_000, 100.0)


def full(name: str = "shop") -> Figures:
    """A report in which everything happened, to an application of this name."""
    line = Line(name, "large", _NOW, _BEFORE)
    return Figures(
        title=f"Report on {name}",
        period=WEEK,
        applications=(name,),
        made_at=NOW,
        total=Line("", "", _NOW, _BEFORE),
        lines=(line,),
        by_application=(replace(line, model=""),),
        by_model=(Line("", name, _NOW, Usage()),),
        series=tuple(
            Bucket(start, 40 + n, 1, 400.0, 2300.0, 5200.0, 5.0, (30, 2, 1, 3))
            for n, start in enumerate(WEEK.edges())
        ),
        verdicts=Verdicts(
            actions=(Count("allow", 900, 800), Count("block", 9, 3)),
            degraded=1,
            categories=(Category("prompt_injection", 9, 8, 3),),
            engines=(EngineCount("jailbreak", 4, 900, 1, 0.8),),
            examples=(Example(NOW, name, "id", 0.93, (f"jailbreak: {name}",), f"say {name}"),),
        ),
        alerting=Alerting(
            anomalies=Count("anomalies", 2, 1),
            worst=(
                Oddity(
                    *(NOW, None, "high-latency", "critical", "latency_ms", f"application={name}"),
                    *(9000.0, None, 5000.0, None, f"{name} is slow"),
                ),
            ),
            alerts=Count("alerts", 2, 0),
            by_name=(AlertCount(name, "critical", 2, 1, 1, 240.0, 5400.0),),
            to_acknowledge_s=240.0,
            to_resolve_s=5400.0,
            told=(Told(name, 2, 1, 0),),
        ),
        health=Health(
            jobs=(Count("completed", 900, 800), Count("failed", 1, 0)),
            retried=Count("retried", 2, 0),
            lanes=(Lane("cpu", 900, 0.011, 0.045, 2.0, 1, 0),),
            workers=(Count("cpu", 1), Count("io", 2)),
        ),
        notes=(f"a note on {name}",),
    )
