"""The engines by themselves: in process, on one thread, without queue, database or HTTP.

As a program it measures their speed. It runs in a process of its own, while the farm is quiet, so
that nothing else holds the interpreter's lock: `{"salt": …, "count": …, "mode": …}` comes in as
JSON and items a second and percentiles of one item's milliseconds go out.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from core.analysis import Content, EngineClass, Mode, Thresholds
from engines.base import Engine
from engines.catalogue import select
from engines.runner import run
from engines.verdict import judge
from ops.bench.figures import percentile
from ops.bench.texts import prompt

WARM_UP = 50
CHUNK = 250


def chosen(mode: Mode) -> tuple[Engine, ...]:
    """The engines that a CPU worker runs in this mode."""
    return tuple(each for each in select(mode) if each.engine_class == EngineClass.CPU)


def judged(text: str, mode: Mode = Mode.BALANCED) -> dict[str, Any]:
    """What the farm would say of a prompt, from this process."""
    from workers.wire import judgement_to_row

    judgement = judge(run(chosen(mode), [Content(text=text)])[0], Thresholds())
    return {
        "risk_score": judgement.risk_score,
        "verdict": str(judgement.verdict),
        "action": str(judgement.action),
        **judgement_to_row(judgement),
    }


def speed(salt: str, count: int, mode: Mode) -> dict[str, float]:
    """Items a second in chunks, as a batch travels, and the milliseconds of items one by one."""
    engines = chosen(mode)
    contents = [Content(text=prompt(salt, n)) for n in range(count)]
    run(engines, contents[:WARM_UP])
    begun = time.perf_counter()
    for first in range(0, count, CHUNK):
        run(engines, contents[first : first + CHUNK])
    spent = time.perf_counter() - begun
    ms = []
    for content in contents[:2000]:
        began = time.perf_counter()
        run(engines, [content])
        ms.append((time.perf_counter() - began) * 1000)
    return {
        "/s": count / spent,
        "p50 ms": percentile(ms, 50),
        "p95 ms": percentile(ms, 95),
        "p99 ms": percentile(ms, 99),
    }


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(speed(asked["salt"], asked["count"], Mode(asked["mode"]))))
