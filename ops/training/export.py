"""Writes the trained transformer as ONNX in eight bits per channel, with its tokenizer.

    python -m ops.training.export --base MODEL_DIR --trained DIR --out DIR

Prints how far the eight-bit model's probabilities are from the trained one's on the held-out texts.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from engines.learned import Transformer
from ops.training.corpus import gather
from ops.training.encoder import Judge

COMPARED = 600


class _Plain(torch.nn.Module):
    """The judge without what the exporter cannot follow."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.judge(input_ids, attention_mask)
        return logits


def export(judge: Judge, out: Path) -> None:
    """`encoder.onnx` in eight bits."""
    tokens = torch.ones(2, 16, dtype=torch.long)
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx"
        torch.onnx.export(
            _Plain(judge).eval(),
            (tokens, tokens),
            str(full),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "texts", 1: "tokens"},
                "attention_mask": {0: "texts", 1: "tokens"},
                "logits": {0: "texts"},
            },
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(
            str(full), str(out / "encoder.onnx"), per_channel=True, weight_type=QuantType.QInt8
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    judge = Judge(arguments.base)
    judge.encoder.set_attn_implementation("eager")
    judge.load_state_dict(torch.load(arguments.trained / "judge.pt"))
    judge.eval()
    export(judge, arguments.out)
    shutil.copy(arguments.base / "tokenizer.json", arguments.out / "tokenizer.json")
    print(f"{(arguments.out / 'encoder.onnx').stat().st_size / 1e6:.1f} MB")
    if arguments.data:
        compare(judge, arguments.out, arguments.data)


def compare(judge: Judge, out: Path, data: Path) -> None:
    texts = [each.text[:500] for each in gather(data) if each.held_out][:COMPARED]
    model = Transformer(out / "encoder.onnx", out / "tokenizer.json")
    small = model.logits(texts)
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"), pad_token="[PAD]"
    )
    rows = []
    with torch.inference_mode():
        for text in texts:
            seen = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
            rows.append(judge(seen["input_ids"], seen["attention_mask"])[0].numpy())
    full = numpy.stack(rows)
    same = ((small > 0) == (full > 0)).mean(axis=0)
    print("same decision, by task:", same.round(4).tolist())


if __name__ == "__main__":
    main()
