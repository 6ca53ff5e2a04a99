"""How long the engines take for an ordinary prompt of 2,000 characters on one core.

    python -m ops.quality.speed FILE…

Takes the texts of the files (JSON lines with `text`), cut or joined to 2,000 characters, and prints
the median and the 95th percentile of the engine time: the rule engines together, and each mode
without the GPU class. The last line is the memory of a process that has all CPU engines loaded.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from core.analysis import Content, EngineClass, Mode
from engines.base import Engine
from engines.catalogue import select
from engines.runner import run

LENGTH = 2000
PROMPTS = 150
LEARNED = frozenset({"learned_fused", "learned_linear", "toxicity", "harmful_request"})


def prompts(paths: Sequence[Path]) -> list[str]:
    """Texts of the wanted length, short ones joined."""
    joined = "\n\n".join(
        json.loads(line)["text"] for path in paths for line in path.open(encoding="utf-8")
    )
    pieces = [joined[at : at + LENGTH] for at in range(0, len(joined) - LENGTH, LENGTH)]
    return pieces[:: max(1, len(pieces) // PROMPTS)][:PROMPTS]


def milliseconds(engines: Sequence[Engine], texts: Sequence[str]) -> list[float]:
    """Processor time of one run over each text."""
    run(engines, [Content(text=texts[0])])
    spent = []
    for text in texts:
        started = time.process_time()
        run(engines, [Content(text=text)])
        spent.append((time.process_time() - started) * 1000)
    return spent


def main() -> None:
    texts = prompts([Path(name) for name in sys.argv[1:]])
    if not texts:
        raise SystemExit("name at least one file with texts; see the docstring")
    chosen = {str(mode): select(mode) for mode in (Mode.FAST, Mode.BALANCED)}
    chosen["rules"] = tuple(each for each in chosen["balanced"] if each.name not in LEARNED)
    for name, engines in chosen.items():
        cpu = [each for each in engines if each.engine_class is EngineClass.CPU]
        spent = milliseconds(cpu, texts)
        p95 = statistics.quantiles(spent, n=20)[-1]
        median = statistics.median(spent)
        print(f"{name:9} {len(cpu):3} engines  median {median:6.2f} ms  p95 {p95:6.2f} ms")
    memory = psutil.Process().memory_info().rss / 1e6
    print(f"memory    {memory:.0f} MB with all CPU engines loaded")


if __name__ == "__main__":
    main()
