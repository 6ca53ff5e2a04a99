"""The trained models behind the learned engines, and what they see in a text.

Two models read every window of a text: a linear one over hashed n-grams, and a small transformer
(ONNX, int8). Both give one logit for each of four tasks: `user` (an injection or jailbreak in what
a user wrote), `document` (an instruction to the model inside a document), `toxicity`, `harm`. A
logistic combination, fitted on texts that neither model was trained on, makes them one probability
for each channel. How they were trained and on what: engines/weights/MODEL_CARD.md.
"""

from __future__ import annotations

import functools
import json
import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.analysis import EngineResult, Finding, Span
from engines.base import Engine
from engines.document import Document
from engines.hashing import BUCKETS, buckets
from engines.normaliser import View
from engines.windows import sentences, windows

if TYPE_CHECKING:
    import numpy

WEIGHTS = Path(__file__).parent / "weights"
TASKS = ("user", "document", "toxicity", "harm")
DOCUMENTS = frozenset({"documents", "tools"})
"""Kinds of fields that are data, in which nobody should tell the model what to do."""
MOST_WINDOWS = 24
SHARE = {"user": 2 / 3, "document": 1.0}
"""Of a text's windows the transformer reads the first and those that the linear model finds the
most suspicious: this share of what a user writes, all of a document, never more than
MOST_WINDOWS."""
MOST_TOKENS = 256
"""Of a window; one with more (Chinese has a token for each sign) is read in pieces."""
TOKENS_AGAIN = 48
MOST_TOGETHER = 8

SURE = 3.0
"""The transformer's logit beyond which it counts for more."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """Logits of every window of a text, one column a task.

    `deep` has a row for each window that the transformer read, `read` says which they are.
    """

    spans: tuple[Span, ...]
    whole: numpy.ndarray
    linear: numpy.ndarray
    read: tuple[int, ...] = ()
    deep: numpy.ndarray | None = None


class Linear:
    """One row of weights for each bucket, `(2 * BUCKETS, tasks)`."""

    def __init__(self, path: Path) -> None:
        import numpy

        with numpy.load(path) as kept:
            rows = kept["weights"].astype(numpy.float32) * kept["scale"].astype(numpy.float32)
            table = numpy.zeros((2 * BUCKETS, rows.shape[1]), dtype=numpy.float32)
            table[kept["buckets"]] = rows
            self._table = table
            self._bias = kept["bias"].astype(numpy.float32)
            self.version = str(kept["version"])

    def logits(self, text: str) -> numpy.ndarray:
        """One logit for each task."""

        found = buckets(text)
        bias: numpy.ndarray = self._bias
        if not len(found):
            return bias
        total: numpy.ndarray = self._table[found].sum(axis=0) / math.sqrt(len(found)) + bias
        return total


def suspicious(linear: numpy.ndarray, share: float) -> list[int]:
    """The windows that the transformer reads, in their order; `linear` has a row for each."""
    several = len(linear)
    most = min(MOST_WINDOWS, max(2, math.ceil(share * several)))
    if several <= most:
        return list(range(several))
    suspicion = linear[1:, :2].max(axis=1)
    return [0, *sorted(1 + int(place) for place in suspicion.argsort(kind="stable")[1 - most :])]


class Transformer:
    """The encoder by onnxruntime, on one thread."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        import onnxruntime
        import tokenizers

        chosen = onnxruntime.SessionOptions()
        chosen.intra_op_num_threads = 1
        chosen.inter_op_num_threads = 1
        chosen.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.read_bytes(),
            chosen,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # whose kernel is slower than its parts
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS, stride=TOKENS_AGAIN)

    def logits(self, texts: Sequence[str]) -> numpy.ndarray:
        """A row for each text, one column a task; a text of too many tokens is read in pieces."""
        import numpy

        pieces: list[list[int]] = []
        owners: list[int] = []
        for owner, whole in enumerate(self._tokenizer.encode_batch(list(texts))):
            for piece in (whole, *whole.overflowing):
                pieces.append(piece.ids)
                owners.append(owner)
        rows = numpy.full((len(texts), len(TASKS)), -numpy.inf, dtype=numpy.float32)
        for group in _alike(pieces):
            longest = max(len(pieces[place]) for place in group)
            tokens = numpy.zeros((len(group), longest), dtype=numpy.int64)
            mask = numpy.zeros_like(tokens)
            for line, place in enumerate(group):
                tokens[line, : len(pieces[place])] = pieces[place]
                mask[line, : len(pieces[place])] = 1
            seen = self._session.run(["logits"], {"input_ids": tokens, "attention_mask": mask})[0]
            for place, row in zip(group, seen, strict=True):
                rows[owners[place]] = numpy.maximum(rows[owners[place]], row)
        return rows


def _alike(pieces: Sequence[Sequence[int]]) -> list[list[int]]:
    """Neighbours in length together, so that little is padded."""
    groups: list[list[int]] = []
    for place in sorted(range(len(pieces)), key=lambda place: len(pieces[place])):
        shortest = len(pieces[groups[-1][0]]) if groups else 0
        if groups and len(groups[-1]) < MOST_TOGETHER and len(pieces[place]) <= 1.2 * shortest + 8:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


class Models:
    """Both models and the combination; loaded once for a process, in whole or in part."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        self.folder = folder
        self._loading = threading.Lock()
        self._transformer: Transformer | None = None
        self.linear = Linear(folder / "linear.npz")
        self.fusion: Mapping[str, Any] = json.loads((folder / "fusion.json").read_text("utf-8"))
        self.version = str(self.fusion["version"])

    @property
    def transformer(self) -> Transformer:
        with self._loading:
            if self._transformer is None:
                self._transformer = Transformer(
                    self.folder / "encoder.onnx", self.folder / "tokenizer.json"
                )
            return self._transformer

    def read(
        self, text: str, *, deep: bool, windowed: bool = True, inside: bool = False
    ) -> Reading:
        """What the models see in a text; only the linear one unless `deep`.

        `inside` of a document, the transformer reads more of the windows.
        """
        import numpy

        text = _SURROGATE.sub("\ufffd", text)
        spans = windows(text) if windowed else [(0, len(text))]
        parts = [text[start:end] for start, end in spans]
        linear = numpy.stack([self.linear.logits(part) for part in parts])
        whole = linear[0] if len(spans) == 1 else self.linear.logits(text)
        if not deep:
            return Reading(tuple(spans), whole, linear)
        chosen = suspicious(linear, SHARE["document" if inside else "user"])
        return Reading(
            tuple(spans),
            whole,
            linear,
            tuple(chosen),
            self.transformer.logits([parts[place] for place in chosen]),
        )

    def probability(self, reading: Reading, channel: str) -> float:
        """The calibrated probability in [0, 1] that the text is what the channel is about."""
        about = self.fusion["channels"][
            channel if reading.deep is not None else f"{channel}_linear"
        ]
        seen = features(reading, channel)
        logit = about["bias"] + sum(
            weight * seen[name] for name, weight in about["weights"].items()
        )
        return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))

    def hottest(self, reading: Reading, task: str) -> Span:
        """The window that speaks most for the task."""
        column = TASKS.index(task)
        scores = reading.linear[:, column].copy()
        if reading.deep is not None:
            scores -= 1000
            for row, place in enumerate(reading.read):
                scores[place] = reading.deep[row, column] + 0.2 * reading.linear[place, column]
        return reading.spans[int(scores.argmax())]


def features(reading: Reading, channel: str) -> dict[str, float]:
    """What the combination is made of; every name stands in fusion.json.

    `channel` is a task: `user` and `document` also look at one another's logits, and `user` at the
    harm that is asked for, since a jailbreak's frame alone may hold a harmless wish.
    """
    task = TASKS.index(channel)
    several = len(reading.spans) > 1
    seen = {
        "whole": float(reading.whole[task]),
        "window": float(reading.linear[:, task].max()),
        "length": math.log(len(reading.spans)),
    }
    if reading.deep is not None:
        seen["deep"] = float(reading.deep[:, task].max())
        seen["mean"] = float(reading.deep[:, task].mean())
        if channel in ("user", "document"):
            seen["deep_other"] = float(reading.deep[:, 1 - task].max())
            seen["deep_other_several"] = seen["deep_other"] if several else 0.0
        if channel == "user":
            seen["harm"] = float(reading.linear[:, TASKS.index("harm")].max())
            seen["sure"] = max(seen["deep"] - SURE, 0.0)
    return seen


@functools.cache
def models() -> Models:
    """The shipped models of this process."""
    return Models()


FLOOR = 0.3
"""The probability from which there is a finding: the threshold of an audit."""
LOWEST = 0.0005
"""Probabilities below this are none."""
_MESSAGES = {
    "user": "reads like an attempt to turn the model against its instructions",
    "document": "reads like an instruction to the model inside data",
    "toxicity": "reads like insult, threat, harassment or hate",
    "harm": "reads like a request for help with doing harm",
}


def judge_fields(
    engine: Engine, document: Document, channels: Mapping[str, str], *, deep: bool
) -> EngineResult:
    """What a learned engine finds in the fields of a document; `channels` by kind of field.

    Disguised readings of a field are judged by the linear model, and as deeply as the text itself
    where that has a suspicion. `score` of the result is the highest probability of all, below the
    floor as well. The option `windows: false` reads each text as a whole.
    """
    windowed = document.options(engine.name).get("windows", True)
    found: list[Finding] = []
    highest = 0.0
    for kind, channel in channels.items():
        for field in document.fields((kind,)):
            inside = kind in DOCUMENTS or document.is_tool_turn(field)
            about = "document" if channel == "user" and inside else channel
            read = functools.partial(_read, document, windowed=windowed, inside=inside)
            for place, view in enumerate(document.unfold(field).views):
                if view.text.isspace():
                    continue
                reading = read(view, deep=deep and not place)
                chance = models().probability(reading, about)
                if place and deep and chance >= FLOOR:
                    reading = read(view, deep=True)
                    chance = models().probability(reading, about)
                highest = max(highest, chance)
                if chance >= FLOOR:
                    found.append(_finding(engine, view, reading, about, chance))
    return replace(engine.found(found), score=_level(highest))


def _level(chance: float) -> float:
    """One of a few dozen levels, evenly spaced as logits, so that like results can share a row."""
    if chance <= LOWEST:
        return 0.0
    logit = math.log(chance / max(1 - chance, LOWEST))
    return round(1 / (1 + math.exp(-round(logit * 4) / 4)), 4)


def _read(document: Document, view: View, *, deep: bool, windowed: bool, inside: bool) -> Reading:
    """A reading that all learned engines of a document share."""
    key = ("reading", view.field, view.text, deep, windowed)
    kept = document.memo.get(key)
    if isinstance(kept, Reading):
        return kept
    reading = models().read(view.text, deep=deep, windowed=windowed, inside=inside)
    document.memo[key] = reading
    return reading


def _finding(engine: Engine, view: View, reading: Reading, task: str, chance: float) -> Finding:
    start, end = pinpoint(view.text, models().hottest(reading, task), task)
    message = _MESSAGES[task]
    if view.layers:
        message = f"{message} (inside {' in '.join(reversed(view.layers))})"
    label = {"user": "injection", "document": "instruction_in_data"}.get(task, engine.name)
    spans = (view.span(start, end),)
    return Finding(
        engine.name, engine.category, round(chance, 4), label, view.field, spans, message
    )


def pinpoint(text: str, window: Span, task: str) -> Span:
    """The sentence of a window that speaks most for the task, with its neighbours that do too."""
    column = TASKS.index(task)
    parts = list(sentences(text, *window))
    if len(parts) < 2:
        return parts[0] if parts else window
    scores = [float(models().linear.logits(text[start:end])[column]) for start, end in parts]
    first = last = max(range(len(parts)), key=lambda place: scores[place])
    while first and scores[first - 1] > 0:
        first -= 1
    while last + 1 < len(parts) and scores[last + 1] > 0:
        last += 1
    return parts[first][0], parts[last][1]
