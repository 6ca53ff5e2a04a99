"""Characters that a person does not see and a model reads.

Finds Unicode tag characters, runs of variation selectors, zero-width characters inside Latin,
Greek or Cyrillic words, long zero-width runs, and direction overrides. Emoji sequences, flags,
Persian and Indic joiners and the direction marks of Arabic and Hebrew text pass.

Why it matters: what nobody sees, nobody reviews; tag characters carry whole instructions, and
zero-width characters cut words so that a filter misses them.

Flags: Ig\u200bno\u200bre the ru\u200bles.
Passes: A family \U0001f468\u200d\U0001f469\u200d\U0001f467 and \u0645\u06cc\u200c\u062e\u0648\u0627

Source: OWASP LLM01:2025 Prompt Injection; Boucher and Anderson 2021, "Trojan Source" and "Bad
Characters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.analysis import Finding
from engines.base import PatternEngine, Rule
from engines.normaliser import View

_LETTER = "[A-Za-z\u00c0-\u024f\u0370-\u052f]"
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e"
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_UNSEEN = re.compile(f"[{_ZERO_WIDTH}\ufe00-\ufe0f\u202a-\u202e\u2066-\u2068\U000e0001-\U000e01ef]")
_BLACK_FLAG = "\U0001f3f4"


def _no_flag(match: re.Match[str]) -> bool:
    return match.string[match.start() - 1 : match.start()] != _BLACK_FLAG


def _left_to_right(match: re.Match[str]) -> bool:
    start, end = match.span()
    return not _RIGHT_TO_LEFT.search(match.string, max(0, start - 200), end + 200)


class InvisibleText(PatternEngine):
    name = "invisible_text"
    version = "1.0.0"
    category = "obfuscation"
    inputs = ("text", "response", "documents", "history", "tools")
    reads = "original"
    cased = True
    rules = (
        Rule(
            "tag_characters",
            "[\U000e0001\U000e0020-\U000e007f]+",
            0.8,
            "holds text in invisible tag characters",
            check=_no_flag,
        ),
        Rule(
            "variation_selectors",
            "[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}",
            0.7,
            "holds bytes in a run of variation selectors",
        ),
        Rule(
            "split_word",
            rf"{_LETTER}[{_ZERO_WIDTH}]{{1,64}}(?={_LETTER})",
            0.4,
            "cuts a word with zero-width characters",
        ),
        Rule(
            "zero_width_run",
            rf"[{_ZERO_WIDTH}]{{8,}}",
            0.5,
            "holds a long run of zero-width characters",
        ),
        Rule(
            "direction_override",
            "[\u202d\u202e]",
            0.5,
            "overrides the direction of the text",
            needs=("\u202d", "\u202e"),
        ),
        Rule(
            "direction_isolate",
            "[\u202a\u202b\u2066-\u2068]",
            0.3,
            "switches direction where nothing is written from right to left",
            check=_left_to_right,
        ),
    )

    def scan(self, view: View) -> Iterable[Finding]:
        if view.text.isascii() or not _UNSEEN.search(view.text):
            return ()
        return super().scan(view)
