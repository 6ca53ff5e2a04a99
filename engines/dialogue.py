"""Conversations as engines read them: who speaks, who refuses, and turns written into a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.analysis import Content

_ASKS = (
    r"user|human|person|customer|student|question|prompt|request|adversary|interviewer|me|villain"
)
_ANSWERS = r"assistant|ai|bot|chat ?bot|chat ?gpt|gpt|model|response|answer|claude|llm|dan|reply"
_MARK = re.compile(
    rf"(?:^|(?<=[\n\s>|\]*#]))(?:<\|?|\[|\*\*|### ?)?(?:({_ASKS})|({_ANSWERS}))(?: ?\d{{1,4}})?"
    r"(?:\|>|[:>\]]|\*\*:|:\*\*)|(?m:^)[ \t]{0,8}(?:(q)|(a)) ?\d{0,4} ?[:.)]"
)
ANSWER_NEEDS = (
    "assistant:", "assistant>", "assistant|", "assistant]", "assistant*", "assistant ", "ai:",
    "ai]", "ai>", "ai**", "bot:", "gpt:", "model:", "response:", "answer:", "claude:", "llm:",
    "dan:", "reply:", "\na:", "\na ", "\na1", "\na2", "\na.",
)  # fmt: skip
FEWEST = 3
"""Answers that a text must show to count as a dialogue."""
_REFUSED = re.compile(
    r"\b(?:i(?:'m| am) (?:really |very |truly )?sorry\b[^\n]{0,40}?\b(?:can(?:'t|not)|unable|won't"
    r"|not able)|i (?:can(?:'t|not)|won't|will not|am unable to|must decline|refuse to"
    r"|have to decline)\b(?! (?:browse|access|open|see|view|hear|remember|recall|find|verify"
    r"|check|wait))|i'm (?:unable|not able|not going|not comfortable)\b"
    r"|(?:against|violates?) (?:my|our|the) (?:\w{1,12} )?(?:guidelines|policy|policies|rules"
    r"|programming|principles)|(?:not|isn't) (?:appropriate|something i can|allowed to)"
    r"|can't (?:help|assist|comply|provide|do that)|cannot (?:help|assist|comply|provide|fulfil))"
)
_UNABLE = re.compile(
    r"\b(?:can(?:'t|not)|unable to|not able to)\b[^\n.]{0,20}?\b(?:browse|access|open|see|view|hear"
    r"|download|log ?in|real[- ]time|attachments?|your (?:account|screen|files?|calendar))\b"
)
_OPENING = 300
"""A refusal stands at the beginning of an answer."""
MAX_TURNS = 5000


class Turn(NamedTuple):
    """One turn: where it stands, whether the model speaks, and its words in lower case."""

    field: str
    start: int
    end: int
    by_model: bool
    words: str


def conversation(content: Content) -> Iterator[Turn]:
    """The turns of the history and, as the last one, the prompt."""
    for place, turn in enumerate(content.history):
        words = turn.get("content") or ""
        if words and turn.get("role") in {"user", "human", "assistant", "model", "ai"}:
            by_model = turn.get("role") not in {"user", "human"}
            yield Turn(f"history[{place}]", 0, len(words), by_model, plain(words))
    if content.text:
        yield Turn("text", 0, len(content.text), False, plain(content.text))


def written_turns(field: str, lower: str) -> list[Turn]:
    """The turns of a dialogue that is written into one text; empty where there is none."""
    if sum(map(lower.count, ANSWER_NEEDS)) < FEWEST:
        return []
    marks: list[tuple[int, int, bool]] = []
    for match in _MARK.finditer(lower):
        marks.append((match.start(), match.end(), bool(match[2] or match[4])))
        if len(marks) >= MAX_TURNS:
            break
    if len(marks) < 2:
        return []
    ends = [start for start, _, _ in marks[1:]] + [len(lower)]
    return [
        Turn(field, begin, end, by_model, lower[begin:end].strip())
        for (_, begin, by_model), end in zip(marks, ends, strict=True)
        if begin < end
    ]


def plain(words: str) -> str:
    """In lower case, with straight apostrophes."""
    return words.replace("’", "'").lower() if "’" in words else words.lower()


def refuses(turn: Turn) -> bool:
    """Whether an answer turns the request down, and not for want of an ability."""
    opening = turn.words[:_OPENING]
    return bool(_REFUSED.search(opening)) and not _UNABLE.search(opening)
