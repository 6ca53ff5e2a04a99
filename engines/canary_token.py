"""A planted token, or a secret that the prompt names, in a response.

Looks for the tokens that the policy lists and for those that the system prompt marks, as in
`canary: zebra-4821`, `<!-- canary zebra-4821 -->` or `[[canary zebra-4821]]`, and for a password
that the prompt tells the model to keep (`the password is "…"`): as it stands, spelled letter by
letter, backwards or encoded, in the words of the response or in an address in it. Without any
token there is no answer.

Why it matters: a token that stands nowhere else proves that the prompt has left the model; in the
address of an image it is on its way to somebody.

Flags: {"response": "My notes say zebra-4821-kilo.", "options": {"tokens": ["zebra-4821-kilo"]}}
Passes: {"response": "Zebras live in Africa.", "options": {"tokens": ["zebra-4821-kilo"]}}

Source: OWASP LLM07:2025 System Prompt Leakage; the canary tokens of guard libraries such as Rebuff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.analysis import EngineResult, Finding, Outcome
from engines.base import MAX_SPANS, Engine
from engines.document import Document
from engines.normaliser import View
from engines.option_values import demand_known, phrases

SHORTEST = 6
"""Characters of a token; a shorter one stands in texts by chance."""
_MARKED = re.compile(
    r"<!--\s{0,4}canary\b[\w -]{0,20}?[:= ]\s{0,4}([^\s<>]{6,200})\s{0,4}-->"
    r"|\[\[\s{0,4}canary\b[\w -]{0,20}?[:= ]\s{0,4}([^\s\]]{6,200})\s{0,4}\]\]"
    r"|<canary(?:[-_]?token)?>\s{0,4}([^\s<>]{6,200})\s{0,4}<"
    r"|\bcanary(?:[ _-]?(?:token|word|string|value|guid|id))?[\"'`]?\s{0,3}[:=]\s{0,3}[\"'`]?"
    r"([^\s\"'`<>,;()]{6,200})"
    r"|\bcanary (?:token|word|string|value) (?:is|of) [\"'`]?([^\s\"'`<>,;()]{6,200})"
    r"|\b(canary[-_](?=[\w-]{0,40}\d)[\w-]{6,100})",
    re.IGNORECASE,
)
_KEPT = re.compile(
    r"\b(?:pass ?(?:word|phrase|code)|secret(?: (?:word|key|code|phrase|token))?|code ?word"
    r"|access (?:code|key)|api[ _-]key|flag|pin(?: code)?)\b(?: (?!is\b)\w{1,12}){0,3}?"
    r"(?: is|:| =|=)\s{0,3}"
    r"(?:[\"'`“]([^\"'`“”\n]{4,80})[\"'`”]|((?=[\w{}!@#$%^&*-]{0,60}[A-Z\d]{2})[\w{}!@#$%^&*-]{5,80}))",
    re.IGNORECASE,
)
_HARD = re.compile(r"[A-Z0-9][A-Z0-9_{}!@#$%^&*-]{3,}|[\w{}!@#$%^&*-]*\d[\w{}!@#$%^&*-]*")
_PLAIN = re.compile(r"[\W_]+")
_ADDRESS = re.compile(r"(?:https?|ftp|wss?|mailto):[^\s<>\"]{0,2000}$", re.IGNORECASE)
_BEFORE = 2000


class _Token(NamedTuple):
    """A token in lower case; `planted` unless it is a secret that the model was told to keep."""

    text: str
    planted: bool


class CanaryToken(Engine):
    name = "canary_token"
    version = "1.0.0"
    category = "prompt_leak"
    inputs = ("response",)

    def examine(self, document: Document) -> EngineResult:
        options = document.options(self.name)
        demand_known(options, ("tokens",))
        tokens = {
            _Token(token.lower(), True)
            for token in phrases(options, "tokens", shortest=SHORTEST, longest=200)
        }
        for text in document.fields(("system_prompt",)).values():
            tokens |= set(_tokens(text))
        if not tokens:
            return self.without(
                Outcome.UNSUPPORTED, "neither the policy nor the system prompt has a token"
            )
        asked = "\n".join(document.fields(("text",)).values()).lower()
        tokens = {token for token in tokens if token.planted or token.text not in asked}
        found: list[Finding] = []
        for view in document.unfold("response").views:
            joined = _PLAIN.sub("", view.lower)
            for token in sorted(tokens):
                found += self._occurrences(view, joined, token)
        return self.found(found)

    def _occurrences(self, view: View, joined: str, token: _Token) -> Iterator[Finding]:
        for start, end in _places(view.lower, joined, token.text):
            span = view.span(start, end)
            sent = bool(_ADDRESS.search(view.text, max(0, start - _BEFORE), start))
            kind, what = (
                ("canary", "a planted token") if token.planted else ("kept_secret", "a kept secret")
            )
            label, where = (f"{kind}_in_address", "an address in it") if sent else (kind, "it")
            score = (0.9 if token.planted else 0.8) + (0.05 if sent else 0.0)
            message = f"the response gives away {what}: {where} holds one"
            if view.layers:
                message += f" (inside {' in '.join(reversed(view.layers))})"
            yield Finding(self.name, self.category, score, label, view.field, (span,), message)


def _tokens(prompt: str) -> Iterator[_Token]:
    """The tokens that a system prompt marks, and the secrets that it names."""
    for match in _MARKED.finditer(prompt):
        token = next(group for group in match.groups() if group).strip(".,;:").lower()
        if len(token) >= SHORTEST:
            yield _Token(token, True)
    for match in _KEPT.finditer(prompt):
        secret = (match[1] or match[2]).strip(" .,;:")
        if (match[1] and len(secret) >= SHORTEST) or _HARD.fullmatch(secret):
            yield _Token(secret.lower(), False)


def _places(lower: str, joined: str, token: str) -> Iterator[tuple[int, int]]:
    """Where the token stands, whole, interrupted by single signs, or backwards; `joined` is the
    text without its signs."""
    for form in {token, token[::-1]}:
        at, count = lower.find(form), 0
        while at >= 0 and count < MAX_SPANS:
            if _free(lower, at, at + len(form)):
                yield at, at + len(form)
            at, count = lower.find(form, at + len(form)), count + 1
    plain = _PLAIN.sub("", token)
    if len(plain) < SHORTEST or token in lower or plain not in joined:
        return
    spelled = re.compile(r"(?<![^\W_])" + r"[\W_]{0,3}".join(map(re.escape, plain)) + r"(?![^\W_])")
    for number, match in enumerate(spelled.finditer(lower)):
        if number >= MAX_SPANS:
            break
        yield match.span()


def _free(text: str, start: int, end: int) -> bool:
    """Whether no letter goes on on either side."""
    return not (
        (start and text[start - 1].isalpha() and text[start].isalpha())
        or (end < len(text) and text[end].isalpha() and text[end - 1].isalpha())
    )
