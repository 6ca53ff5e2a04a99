"""Speed of a model of class `gpu`, in one process: batch by batch, and as many jobs ask it.

    python -m ops.bench.gpu --model DIR [--kind classifier|guard] [--texts 2000] [--threads 16]

First the model alone over prepared inputs that are sorted by length, in batches of 1, 8 and 64: the
best of these is what it can do offline. Then the path that a GPU worker takes: threads that each
bring chunks of texts, whose inputs the engine prepares, gathers and turns into results. Then single
texts, one a job. Prints texts a second and each path's share of the best offline rate. Runs on CUDA
where there is a GPU, else on the CPU. Speeds are reported and never asserted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from core.analysis import Content, Outcome
from core.settings import load
from engines.document import Document
from engines.generative_guard import GenerativeGuard
from engines.runner import run
from engines.transformer_classifier import TransformerClassifier
from ops.bench.texts import prompt

BATCHES = (1, 8, 64)
CHUNK = 250
KINDS = ("classifier", "guard")

GpuEngine = TransformerClassifier | GenerativeGuard


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="ops.bench.gpu", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", required=True, help="a local folder or a hub name")
    parser.add_argument("--revision", default="main")
    parser.add_argument("--kind", choices=KINDS, default="classifier")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--chunk", type=int, default=CHUNK, help="texts of one job's chunk")
    parser.add_argument("--tokens", type=int, default=64, help="longest answer of a guard")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    return parser.parse_args(given)


def engine_of(chosen: argparse.Namespace) -> GpuEngine:
    """The engine with its model loaded."""
    made: GpuEngine
    if chosen.kind == "guard":
        made = GenerativeGuard(
            load(
                gpu_guard_model=chosen.model,
                gpu_guard_revision=chosen.revision,
                gpu_guard_max_tokens=chosen.tokens,
            )
        )
    else:
        made = TransformerClassifier(
            load(gpu_model=chosen.model, gpu_model_revision=chosen.revision)
        )
    made.prepare()
    return made


def device_of(engine: GpuEngine) -> str:
    """What the model runs on."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, bfloat16"
    return f"CPU, {torch.get_num_threads()} threads, float32"


def text_of(number: int) -> str:
    """One to twelve sentences, so that lengths differ as in traffic."""
    return " ".join(prompt("of one long text", number + more) for more in range(number % 12 + 1))


def rate(count: int, work: Callable[[], object]) -> float:
    """Texts a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def prepared(engine: GpuEngine, contents: Sequence[Content]) -> list[list[int]]:
    """The tokens of all inputs, the longest first, so that memory does not run out late."""
    documents = [Document(content) for content in contents]
    if isinstance(engine, GenerativeGuard):
        rows = [question.tokens for question in engine.questions(documents)]
    else:
        rows = [window.tokens for window in engine.windows(documents)]
    return sorted(rows, key=len, reverse=True)


def offline(engine: GpuEngine, contents: Sequence[Content]) -> dict[str, float]:
    """The model alone, by size of batch."""
    rows = prepared(engine, contents)
    once: Callable[[list[list[int]]], Any] = (
        engine.answers if isinstance(engine, GenerativeGuard) else engine.scores
    )
    found = {}
    for size in BATCHES:
        enough = rows[:: max(len(rows) // (size * 40), 1)] if size < max(BATCHES) else rows
        batches = [enough[first : first + size] for first in range(0, len(enough), size)]
        once(batches[0])
        share = len(enough) / len(rows)
        found[f"batch {size}"] = rate(
            round(len(contents) * share), lambda batches=batches: [once(one) for one in batches]
        )
    return found


def gathered(engine: GpuEngine, contents: Sequence[Content], threads: int, chunk: int) -> float:
    """Texts a second through the engine, whose callers bring `chunk` texts each."""
    chunks = [contents[first : first + chunk] for first in range(0, len(contents), chunk)]

    def job(some: Sequence[Content]) -> list[Outcome]:
        return [item[0].outcome for item in run([engine], some)]

    with ThreadPoolExecutor(threads) as pool:
        return rate(len(contents), lambda: list(pool.map(job, chunks)))


def measured(chosen: argparse.Namespace) -> dict[str, Any]:
    """Every figure."""
    engine = engine_of(chosen)
    contents = [Content(text=text_of(number)) for number in range(chosen.texts)]
    run([engine], contents[: max(BATCHES)])
    rates = offline(engine, contents)
    best = max(rates.values())
    paths = {
        f"{chosen.threads} threads, chunks of {chosen.chunk}": gathered(
            engine, contents, chosen.threads, chosen.chunk
        ),
        f"{chosen.threads} threads, single texts": gathered(engine, contents, chosen.threads, 1),
        "1 thread, single texts": gathered(engine, contents[: max(len(contents) // 10, 1)], 1, 1),
    }
    return {
        "device": device_of(engine),
        "model": engine.version,
        "texts": len(contents),
        "texts_per_second": {**rates, **paths},
        "share_of_best": {name: each / best for name, each in {**rates, **paths}.items()},
    }


def main(given: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    chosen = arguments(given)
    found = measured(chosen)
    table = Table(
        "path", "texts/s", "share of best offline", title=f"{found['model']}, {found['device']}"
    )
    for name, each in found["texts_per_second"].items():
        table.add_row(name, f"{each:.1f}", f"{found['share_of_best'][name]:.0%}")
    Console().print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
