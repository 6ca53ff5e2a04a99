"""What the weights are trained on: labelled texts, each with the tasks that its label speaks for.

Tasks: `user` (an injection or jailbreak in what a user wrote), `document` (an instruction to the
model inside a document), `toxicity` and `harm` (a harmful request). A text that says nothing about
a task has no label for it. One text in eight is held out, by a digest of the text, to fit how the
models are combined.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TASKS = ("user", "document", "toxicity", "harm")
HELD_OUT = 8
SEED = 7
DOCUMENT_SETS = frozenset({"doc_injected", "doc_clean", "bipia_in_context", "own_documents"})
PLAIN_SETS = frozenset(
    {"banking77_sample", "clinc150_sample", "gpteacher", "seed_tasks", "t0_sample", "ml_book"}
)
"""Harmless requests about harmless things: no attack, not toxic, no harm."""
UNUSED = frozenset({"toxicchat", "safeguard", "tensortrust"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One text; `labels` by task; `spans` of the attack inside a document, where they are known."""

    text: str
    labels: dict[str, int]
    name: str
    spans: tuple[tuple[int, int], ...] = ()
    weight: float = 1.0

    @property
    def held_out(self) -> bool:
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()
        return digest[0] % HELD_OUT == 0


def injection(path: Path) -> Iterator[Sample]:
    """The lines of `train.jsonl`; an attack inside a document is found by its text."""
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    attacks = sorted(
        {
            row["text"].strip()
            for row in rows
            if row["label"] and row["set"] not in DOCUMENT_SETS and len(row["text"]) > 15
        },
        key=len,
        reverse=True,
    )
    for row in rows:
        text, label, name = row["text"], row["label"], row["set"]
        if name in DOCUMENT_SETS:
            spans = tuple(_places(text, attacks)) if label else ()
            yield Sample(text, {"document": label}, name, spans)
            continue
        labels = {"user": label}
        if label:
            labels["document"] = 1
        if name in PLAIN_SETS:
            labels |= {"toxicity": 0, "harm": 0}
        if name == "t0_sample":
            labels["document"] = 0
        yield Sample(text, labels, name)


def _places(text: str, attacks: Iterable[str]) -> Iterator[tuple[int, int]]:
    for attack in attacks:
        start = text.find(attack)
        if start >= 0:
            yield start, start + len(attack)
            return


def toxicity(folder: Path, most: int, seed: int = SEED) -> Iterator[Sample]:
    """Tweets and posts; at most `most` of a file and label."""
    for name in ("davidson", "hatemoji", "toxicity_surge_1k"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").open(encoding="utf-8")]
        random.Random(seed).shuffle(rows)
        taken = {0: 0, 1: 0}
        for row in rows:
            if taken[row["label"]] < most:
                taken[row["label"]] += 1
                yield Sample(row["text"], {"toxicity": row["label"], "user": 0}, name)


def own(path: Path) -> Iterator[Sample]:
    """Lines written for this project, as the expanders in this folder give them."""
    for line in path.open(encoding="utf-8"):
        row: dict[str, Any] = json.loads(line)
        task, label = row.get("task", "injection"), row["label"]
        if task == "injection":
            inside = row["set"] in DOCUMENT_SETS
            labels = {"document": label} if inside else {"user": label}
            if label and not inside:
                labels["document"] = 1
            if not label:
                labels |= {"toxicity": 0, "harm": 0}
        elif task == "harm":
            labels = {"harm": label, "user": 0}
            if not label:
                labels["toxicity"] = 0
        else:
            labels = {"toxicity": label, "user": 0}
        spans = tuple((start, end) for start, end in row.get("spans", ()))
        yield Sample(row["text"], labels, row["set"], spans)


def gather(data: Path, own_files: Iterable[Path] = (), toxic: int = 4000) -> list[Sample]:
    """Everything, in a fixed order, each text once."""
    samples = [*injection(data / "train.jsonl"), *toxicity(data / "toxicity", toxic)]
    for path in own_files:
        samples += own(path)
    seen: dict[str, Sample] = {}
    for sample in samples:
        seen.setdefault(sample.text, sample)
    return list(seen.values())


def listing(samples: Iterable[Sample]) -> list[tuple[str, str, int, int]]:
    """Set, task, attacks, harmless: for the model card."""
    counts: dict[tuple[str, str], list[int]] = {}
    for sample in samples:
        for task, label in sample.labels.items():
            counts.setdefault((sample.name, task), [0, 0])[label] += 1
    return [(name, task, pair[1], pair[0]) for (name, task), pair in sorted(counts.items())]


def write_listing(samples: Iterable[Sample], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as sheet:
        writer = csv.writer(sheet)
        writer.writerow(("set", "task", "attacks", "harmless"))
        writer.writerows(listing(samples))
