"""Toxic language: insults, threats, harassment and hate, in prompts and in answers.

Judges by the trained models, in windows. Quoting, criticism and strong words about things pass.

Why it matters: what a product's model answers is read as the product's own voice, and users who
harass one another through it leave.

Flags: You are a worthless, disgusting idiot and I hope you get beaten up, you stupid pig.
Passes: The film is a disaster, the plot is stupid, but I liked the actor who played the pig farmer.

Source: OWASP LLM05:2025 Improper Output Handling; Davidson et al. 2017, "Automated Hate Speech
Detection"; Röttger et al. 2021, "HateCheck"; engines/weights/MODEL_CARD.md.
"""

from __future__ import annotations

from typing import ClassVar

from core.analysis import EngineResult, Mode
from engines.base import Engine
from engines.document import Document
from engines.learned import judge_fields, models

CHANNELS = {"text": "toxicity", "response": "toxicity", "history": "toxicity"}


class Toxicity(Engine):
    name = "toxicity"
    version = "1.0.0"
    category = "toxicity"
    rules_out = frozenset({"toxicity"})
    inputs: ClassVar = tuple(CHANNELS)
    modes = frozenset({Mode.BALANCED, Mode.THOROUGH})

    timeout = 30.0

    def load(self) -> None:
        self.version = f"{type(self).version}+{models().version}"
        models().transformer.logits(["warm up"])

    def examine(self, document: Document) -> EngineResult:
        return judge_fields(self, document, CHANNELS, deep=True)
