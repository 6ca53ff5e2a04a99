"""What the engines of class `gpu` share: weights from a folder or the hub, rows of tokens padded.

`torch` is imported by `loaded` and by nothing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from core.errors import ConfigError

OVERLAP = 4
"""One part in so many of a window is read again in the next."""


class Weights(NamedTuple):
    """A model that is ready to answer; on CUDA in bfloat16, else on the CPU."""

    torch: Any
    tokenizer: Any
    model: Any
    device: str

    def rows(self, tokens: Sequence[Sequence[int]], *, left: bool = False) -> dict[str, Any]:
        """Inputs of the model, padded to the longest row."""
        longest = max(map(len, tokens))
        pad = pad_token(self.tokenizer)
        padding = [longest - len(row) for row in tokens]
        if left:
            ids = [[pad] * gap + [*row] for row, gap in zip(tokens, padding, strict=True)]
            mask = [[0] * gap + [1] * (longest - gap) for gap in padding]
        else:
            ids = [[*row] + [pad] * gap for row, gap in zip(tokens, padding, strict=True)]
            mask = [[1] * (longest - gap) + [0] * gap for gap in padding]
        made = {"input_ids": self.torch.tensor(ids), "attention_mask": self.torch.tensor(mask)}
        return {name: each.to(self.device, non_blocking=True) for name, each in made.items()}


def pad_token(tokenizer: Any) -> int:
    """The token that fills a row up; it is masked, so any will do."""
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(each) for each in known if each is not None)


def loaded(setting: str, name: str, revision: str, head: str) -> Weights:
    """The weights that a setting names, with this class of transformers' `Auto` models.

    Raises ConfigError when the libraries are missing.
    """
    try:
        import torch
        import transformers
    except ImportError as missing:
        raise ConfigError(
            f"{setting} is set but torch or transformers is not installed; install [gpu]"
        ) from missing
    transformers.utils.logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        name, revision=revision, use_fast=True
    )
    model: Any = getattr(transformers, head).from_pretrained(
        name, revision=revision, dtype=torch.bfloat16 if device == "cuda" else torch.float32
    )
    return Weights(torch, tokenizer, model.to(device).eval(), device)


def called(name: str, revision: str) -> str:
    """The model and its revision, without the path to it."""
    return f"{name.rstrip('/').rpartition('/')[2]}@{revision}"


def positions(weights: Weights, most: int) -> int:
    """Tokens that the model reads at once, at most so many."""
    places = getattr(weights.model.config, "max_position_embeddings", None) or most
    return int(min(weights.tokenizer.model_max_length, places, most))
