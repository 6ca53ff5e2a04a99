"""Fine-tunes the small transformer with one output for each task.

    python -m ops.training.encoder --data DIR --base MODEL_DIR --out DIR [--start DIR]
        [--own FILE …] [--epochs N] [--replay SHARE]

Texts are cut into windows of tokens. An attack of unknown place counts for the first windows of its
text; inside a document a window is an attack when it holds most of the attack's span. `--start`
goes on from an earlier output; `--replay` then takes only a share of the other people's texts.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from ops.training.corpus import SEED, TASKS, Sample, gather, write_listing

WINDOW = 160
STRIDE = 120
BATCH = 32
POOL = 50
LEARNING_RATE = 5e-5
HEAD_RATE = 1e-3
WARM = 0.06
RARE = frozenset({"bipia_attacks", "own_shapes"})
COPIES = 3
"""How often the texts of small sets of their own kind are read in an epoch."""


class Judge(torch.nn.Module):
    """The encoder, mean-pooled, and one logit for each task."""

    def __init__(self, base: Path) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(base)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, len(TASKS))

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * mask).sum(1) / mask.sum(1)
        return self.head(pooled)


def windows(
    tokenizer: Any, sample: Sample, chance: random.Random
) -> Iterator[tuple[list[int], list[int]]]:
    """Token windows of a text with their labels by task; -1 where there is none."""
    text = sample.text[:20000]
    encoded = tokenizer(
        text,
        truncation=True,
        max_length=WINDOW,
        stride=WINDOW - 2 - STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    pieces = list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))
    inside = "document" in sample.labels and "user" not in sample.labels
    if not inside:
        chosen = pieces[:1] if len(pieces) == 1 else [pieces[0], chance.choice(pieces[1:])]
        if not sample.labels.get("user"):
            chosen = [chance.choice(pieces)] if len(pieces) > 2 else pieces[:1]
        for tokens, _ in chosen[:2]:
            yield tokens, [sample.labels.get(task, -1) for task in TASKS]
        return
    marked = []
    for tokens, places in pieces:
        start, end = places[1][0], max(place[1] for place in places)
        hit = any(
            min(end, last) - max(start, first) >= 0.6 * min(last - first, end - start)
            for first, last in sample.spans
        )
        touched = any(min(end, last) > max(start, first) for first, last in sample.spans)
        marked.append((tokens, hit, touched))
    if sample.labels["document"]:
        hits = [tokens for tokens, hit, _ in marked if hit]
        if not sample.spans and len(pieces) == 1:
            hits = [pieces[0][0]]
        for tokens in hits[:2]:
            yield tokens, _document(1)
        clean = [tokens for tokens, _, touched in marked if not touched] if sample.spans else []
        if clean:
            yield chance.choice(clean), _document(0)
        return
    for tokens, _, _ in chance.sample(marked, min(2, len(marked))):
        yield tokens, _document(0)


def _document(label: int) -> list[int]:
    """A document that a user pastes is read by the user's channel as well."""
    return [label if task in ("document", "user") else -1 for task in TASKS]


def batches(
    rows: Sequence[tuple[list[int], list[int]]], chance: random.Random
) -> Iterator[tuple[Any, Any, Any]]:
    """Batches of windows of like length."""
    order = list(range(len(rows)))
    chance.shuffle(order)
    for first in range(0, len(order), BATCH * POOL):
        pool = sorted(order[first : first + BATCH * POOL], key=lambda place: len(rows[place][0]))
        groups = [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
        chance.shuffle(groups)
        for group in groups:
            longest = max(len(rows[place][0]) for place in group)
            ids = torch.zeros(len(group), longest, dtype=torch.long)
            mask = torch.zeros(len(group), longest, dtype=torch.long)
            for line, place in enumerate(group):
                tokens = rows[place][0]
                ids[line, : len(tokens)] = torch.tensor(tokens)
                mask[line, : len(tokens)] = 1
            yield ids, mask, torch.tensor([rows[place][1] for place in group])


def train(arguments: argparse.Namespace) -> None:
    chance = random.Random(arguments.seed)
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    samples = gather(arguments.data, arguments.own)
    write_listing(samples, arguments.out / "listing.csv")
    used = [each for each in samples if not each.held_out]
    if arguments.replay < 1:
        used = [
            each
            for each in used
            if each.name.startswith("own_") or chance.random() < arguments.replay
        ]
    used += [each for each in used if each.name in RARE] * (COPIES - 1)
    tokenizer = AutoTokenizer.from_pretrained(arguments.base)
    judge = Judge(arguments.base)
    if arguments.start:
        judge.load_state_dict(torch.load(arguments.start / "judge.pt"))
    for frozen in (judge.encoder.embeddings, judge.encoder.encoder.layer[0]):
        frozen.requires_grad_(False)
    body = [each for each in judge.encoder.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": arguments.rate},
            {"params": judge.head.parameters(), "lr": HEAD_RATE},
        ],
        weight_decay=0.01,
    )
    epochs = [
        [row for each in used for row in windows(tokenizer, each, chance)]
        for _ in range(arguments.epochs)
    ]
    total = sum(-(-len(rows) // BATCH) for rows in epochs)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM * total), max(0.02, (total - step) / total))
    )
    judge.train()
    print(f"{len(used)} texts, {len(epochs[0])} windows, {total} steps", flush=True)
    started, step, running = time.monotonic(), 0, 0.0
    for rows in epochs:
        for ids, mask, wanted in batches(rows, chance):
            logits = judge(ids, mask)
            known = wanted >= 0
            targets = wanted.clamp(min=0).float() * (1 - 2 * arguments.smooth) + arguments.smooth
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, targets, reduction="none"
            )
            loss = (losses * known).sum() / known.sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
            running = 0.98 * running + 0.02 * loss.item() if step > 1 else loss.item()
            if step % 50 == 0:
                left = (time.monotonic() - started) / step * (total - step)
                print(f"step {step}/{total} loss {running:.4f} left {left:.0f} s", flush=True)
            if step % 400 == 0:
                torch.save(judge.state_dict(), arguments.out / "judge.pt")
    torch.save(judge.state_dict(), arguments.out / "judge.pt")
    (arguments.out / "run.json").write_text(
        json.dumps({key: str(value) for key, value in vars(arguments).items()}, indent=1)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--own", type=Path, nargs="*", default=[])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--replay", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--smooth", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(arguments)


if __name__ == "__main__":
    main()
