"""Makes `engines/ordinary_words.txt`: words that ordinary text writes in small letters.

`python -m ops.training.ordinary_words TRAIN.jsonl` counts harmless texts of the permissive sets.
A word is ordinary when most of its occurrences inside sentences begin with a small letter; so is
an acronym or a product name that many texts use, written as it is met. People's names are thereby
what remains when a text writes a capital where no sentence begins.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

WRITTEN = Path("engines/ordinary_words.txt")
SETS = frozenset(
    {"banking77_sample", "bipia_in_context", "clinc150_sample", "deepset_prompt_injections",
     "gpteacher", "hh_harmless_first_turns", "jackhhao_jailbreak", "ml_book",
     "regular_in_the_wild_cleaned", "seed_tasks", "t0_sample"}
)  # fmt: skip
LEAST_TEXTS = 3
SMALL_SHARE = 0.6

_INSIDE = re.compile(r"(?<=[a-z,] )[^\W\d_]{2,24}")


def ordinary(texts: list[str]) -> list[str]:
    """The words, sorted; small ones in small letters, acronyms in capitals."""
    small: Counter[str] = Counter()
    large: Counter[str] = Counter()
    capitals: Counter[str] = Counter()
    for text in texts:
        for word in set(re.findall(r"[^\W\d_]{2,24}", text)):
            if word.islower():
                small[word] += 1
            elif word.isupper():
                capitals[word] += 1
        for word in set(_INSIDE.findall(text)):
            if word[0].isupper() and not word.isupper():
                large[word.lower()] += 1
    kept = {
        word
        for word, count in small.items()
        if count >= LEAST_TEXTS and count >= SMALL_SHARE * (count + large[word])
    }
    acronyms = {
        word
        for word, count in capitals.items()
        if count >= LEAST_TEXTS and count > large[word.lower()] and word.lower() not in kept
    }
    return sorted(kept | acronyms)


def main(path: str) -> None:
    """Read the training file and write the list."""
    with Path(path).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    texts = [row["text"] for row in rows if row["label"] == 0 and row["set"] in SETS]
    words = ordinary(texts)
    WRITTEN.write_text("\n".join(words) + "\n", encoding="utf-8")
    print(f"{len(words)} words of {len(texts)} texts in {WRITTEN}")


if __name__ == "__main__":
    main(sys.argv[1])
