"""Fits how the two models become one probability.

    python -m ops.training.fuse --data DIR --weights DIR [--own FILE …]

For each channel a logistic regression over a few logits of both models. It is fitted on the
held-out texts, which neither model was trained on, on long texts put together from them, and on
those development sets whose licence lets them shape shipped numbers. Each set counts alike whatever
its size, and attacks are weighed so that the probability is right where a stated share of all texts
(PRIOR) are attacks: the smaller it is, the fewer harmless texts are flagged. Channels named
`…_linear` do without the transformer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from engines.learned import TASKS, Models, Reading, features
from ops.training.corpus import DOCUMENT_SETS, SEED, Sample, gather

STRENGTH = 0.05
PRIOR = {"user": 0.07, "document": 0.065, "toxicity": 0.05, "harm": 0.015}
LONGEST = 12_000
LONG_TEXTS = 150
SHALLOW = ("window", "whole")
DEEP = (*SHALLOW, "length", "deep", "mean", "deep_other", "deep_other_several", "harm", "sure")
DEVELOPMENT = {
    "user": (
        "notinject", "wildguard_benign", "mitre_frr", "awesome_prompts", "instruct_benign",
        "clean_benign", "xstest_safe", "deepset", "jackhhao", "gandalf", "cyberseceval_pi",
        "giskard", "bipia_attacks", "bipia_in_context",
    ),
    "document": ("bipia_in_context",),
    "toxicity": ("hatecheck", "wildguard_benign", "notinject", "mitre_frr", "clean_benign"),
    "harm": (
        "harmful_requests", "xstest", "wildguard_benign", "notinject", "mitre_frr",
        "awesome_prompts", "instruct_benign", "clean_benign",
    ),
}  # fmt: skip


def development(data: Path) -> Iterator[Sample]:
    """The development sets, for the channels that their labels speak for."""
    for task, names in DEVELOPMENT.items():
        for name in names:
            folder = "toxicity" if name == "hatecheck" else "eval"
            path = data / folder / f"{name.removesuffix('_safe')}.jsonl"
            for line in path.open(encoding="utf-8"):
                row = json.loads(line)
                if not (name.endswith("_safe") and row["label"]):
                    yield Sample(row["text"], {task: row["label"]}, f"{name}/{task}")


def long_texts(samples: Sequence[Sample], seed: int = SEED) -> Iterator[Sample]:
    """Long texts out of harmless ones, as they are and with one attack somewhere inside."""
    chance = random.Random(seed)
    clean = [
        each.text for each in samples if each.name in ("doc_clean", "t0_sample", "own_documents")
        and not any(each.labels.values())
    ]  # fmt: skip
    attacks = [
        each.text for each in samples if each.labels.get("user") and 40 < len(each.text) < 400
    ]
    for place in range(2 * LONG_TEXTS):
        parts = chance.sample(clean, min(chance.randint(3, 30), len(clean)))
        if place % 2:
            parts.insert(chance.randrange(len(parts) + 1), chance.choice(attacks))
        text = "\n\n".join(parts)
        yield Sample(text, {"user": place % 2, "document": place % 2}, "long")


def weigh(samples: Sequence[Sample], task: str, prior: float) -> numpy.ndarray:
    """Weights of the samples: sets of one label count alike, and attacks `prior` in all."""
    pairs = [(sample.name, sample.labels[task]) for sample in samples]
    counts = Counter(pairs)
    weights = numpy.array([1 / counts[pair] for pair in pairs])
    labels = numpy.array([label for _, label in pairs])
    weights[labels == 1] *= prior / weights[labels == 1].sum()
    weights[labels == 0] *= (1 - prior) / weights[labels == 0].sum()
    return weights * len(samples)


def fit(
    samples: Sequence[Sample], readings: Sequence[Reading], channel: str, prior: float
) -> dict[str, Any]:
    """Bias and weights by feature."""
    seen = [features(each, channel) for each in readings]
    wanted = DEEP if readings[0].deep is not None else SHALLOW
    names = [name for name in wanted if name in seen[0]]
    table = numpy.array([[row[name] for name in names] for row in seen])
    labels = numpy.array([sample.labels[channel] for sample in samples])
    learner = LogisticRegression(C=STRENGTH, max_iter=2000)
    scale = table.std(axis=0) + 1e-6
    weights = weigh(samples, channel, prior)
    learner.fit(table / scale, labels, sample_weight=weights)
    logits = learner.decision_function(table / scale)
    score = roc_auc_score(labels, logits, sample_weight=weights)
    print(f"{channel}: {len(samples)} texts, AUROC {score:.4f}", end=" ")
    print({name: round(float(w), 2) for name, w in zip(names, learner.coef_[0], strict=True)})
    return {
        "bias": round(float(learner.intercept_[0]), 5),
        "weights": {
            name: round(float(weight / size), 5)
            for name, weight, size in zip(names, learner.coef_[0], scale, strict=True)
        },
    }


def asked(sample: Sample, task: str) -> Sample:
    """A document that a user pastes into the prompt is read as a prompt."""
    if task == "user" and sample.name in DOCUMENT_SETS:
        return replace(sample, labels={"user": sample.labels["document"]})
    return sample


def shallow(reading: Reading) -> Reading:
    """What the linear model alone saw."""
    return Reading(reading.spans, reading.whole, reading.linear)


def read_all(models: Models, samples: Sequence[Sample], keep: Path | None) -> list[Reading]:
    """A deep reading of each; kept in a file of this program's own between runs."""
    if keep and keep.exists():
        kept: list[Reading] = pickle.loads(keep.read_bytes())
        return kept
    readings, known = [], {}
    for count, sample in enumerate(samples, 1):
        cut = sample.text if sample.name == "long" else sample.text[:LONGEST]
        if cut not in known:
            known[cut] = models.read(cut, deep=True, inside="user" not in sample.labels)
        readings.append(known[cut])
        if count % 1000 == 0:
            print(f"read {count} of {len(samples)}", flush=True)
    if keep:
        keep.write_bytes(pickle.dumps(readings))
    return readings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--own", type=Path, nargs="*", default=[])
    parser.add_argument("--keep", type=Path, help="file in which readings are kept between runs")
    arguments = parser.parse_args()
    stub = {"version": "0", "channels": {}}
    (arguments.weights / "fusion.json").write_text(json.dumps(stub))
    models = Models(arguments.weights)
    held = [
        each
        for each in gather(arguments.data, arguments.own)
        if each.held_out and each.text.strip()
    ]
    samples = [*held, *long_texts(held), *development(arguments.data)]
    readings = read_all(models, samples, arguments.keep)
    channels: dict[str, Any] = {}
    for task in TASKS:
        known = [
            (asked(sample, task), reading)
            for sample, reading in zip(samples, readings, strict=True)
            if task in asked(sample, task).labels
        ]
        chosen, seen = [sample for sample, _ in known], [reading for _, reading in known]
        channels[task] = fit(chosen, seen, task, PRIOR[task])
        flat = [shallow(each) for each in seen]
        channels[f"{task}_linear"] = fit(chosen, flat, task, PRIOR[task])
    digest = hashlib.sha256((arguments.weights / "encoder.onnx").read_bytes())
    digest.update(models.linear.version.encode())
    digest.update(json.dumps(channels, sort_keys=True).encode())
    fusion = {
        "version": digest.hexdigest()[:12],
        "prior": PRIOR,
        "channels": channels,
    }
    (arguments.weights / "fusion.json").write_text(json.dumps(fusion, indent=1) + "\n")
    (arguments.weights.parent / "fused").touch()


if __name__ == "__main__":
    main()
