"""Fits the linear model: one logistic regression over hashed n-grams for each task.

    python -m ops.training.linear --data DIR --out FILE [--own FILE …]

Each text is its distinct n-grams, scaled to length one. Buckets that few texts have are left out,
weights are kept in eight bits. Prints what it did on the held-out texts.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from engines.hashing import BUCKETS, buckets
from ops.training.corpus import TASKS, Sample, gather

FEWEST = 3
STRENGTH = {"user": 20.0, "document": 20.0, "toxicity": 4.0, "harm": 4.0}
LONGEST = 30_000


def matrix(texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    """One row for each text."""
    rows, columns, values = [], [], []
    for row, text in enumerate(texts):
        found = buckets(text[:LONGEST])
        rows.append(numpy.full(len(found), row))
        columns.append(found)
        values.append(numpy.full(len(found), 1 / math.sqrt(max(len(found), 1))))
    return scipy.sparse.csr_matrix(
        (numpy.concatenate(values), (numpy.concatenate(rows), numpy.concatenate(columns))),
        shape=(len(texts), 2 * BUCKETS),
        dtype=numpy.float32,
    )


def fit(samples: Sequence[Sample]) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Buckets, their weights `(buckets, tasks)` and the bias of each task."""
    whole = matrix([sample.text for sample in samples])
    kept = numpy.flatnonzero(numpy.asarray((whole > 0).sum(axis=0))[0] >= FEWEST)
    whole = whole[:, kept]
    held = numpy.array([sample.held_out for sample in samples])
    weights = numpy.zeros((len(kept), len(TASKS)), dtype=numpy.float32)
    bias = numpy.zeros(len(TASKS), dtype=numpy.float32)
    for column, task in enumerate(TASKS):
        known = numpy.array([task in sample.labels for sample in samples])
        wanted = numpy.array([sample.labels.get(task, 0) for sample in samples])
        learner = LogisticRegression(C=STRENGTH[task], solver="liblinear", max_iter=300)
        use = known & ~held
        if len(set(wanted[use])) < 2:
            print(f"{task}: no texts of both kinds, left at zero")
            continue
        learner.fit(whole[use], wanted[use])
        weights[:, column] = learner.coef_[0]
        bias[column] = learner.intercept_[0]
        left = known & held
        score = roc_auc_score(wanted[left], learner.decision_function(whole[left]))
        print(f"{task}: {use.sum()} texts, {wanted[use].sum()} attacks, held-out AUROC {score:.3f}")
    return kept, weights, bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--own", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    kept, weights, bias = fit(gather(arguments.data, arguments.own))
    scale = numpy.quantile(abs(weights), 0.9995, axis=0) / 127
    small = numpy.clip(numpy.round(weights / scale), -127, 127).astype(numpy.int8)
    some = abs(small).max(axis=1) > 0
    digest = hashlib.sha256(small.tobytes() + kept.tobytes()).hexdigest()[:12]
    numpy.savez_compressed(
        arguments.out,
        buckets=kept[some].astype(numpy.int32),
        weights=small[some],
        scale=scale.astype(numpy.float32),
        bias=bias,
        version=numpy.array(digest),
    )
    print(f"{some.sum()} buckets, {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
