"""Languages and scripts that the policy does not allow.

The policy gives `languages: [en, de]`, `scripts: [Latin]` or both. A text is judged stretch by
stretch; where another language or script makes a good part of it, it scores `score` (0.5 by
default), where it makes less, 0.3. Single words, names and formulas pass, and so does what is too
short, or too much like two languages, to tell. Write `"no"` in
quotes: YAML takes it for false. Without these options there is no answer.

Why it matters: models and filters are weakest in the languages that their makers read least, and an
assistant that answers in one nobody reviews cannot be watched.

Flags: {"text": "Bitte erkläre mir, wie ich die Heizung im Keller wieder in Gang bringe, wenn sie nicht mehr läuft.", "options": {"languages": ["en"]}}
Passes: {"text": "Please explain how the word Weltschmerz came into the English language, and what it means.", "options": {"languages": ["en"], "scripts": ["Latin"]}}

Source: Deng et al. 2024, "Multilingual Jailbreak Challenges in Large Language Models"; Cavnar and
Trenkle 1994, "N-Gram-Based Text Categorization".
"""  # noqa: E501

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from core.analysis import EngineResult, Finding, Outcome, Span
from core.errors import ConfigError
from engines.base import MAX_SPANS, Engine
from engines.document import Document
from engines.language_profiles import ALSO, LANGUAGES, SCRIPTS, languages_of, letters_by_script
from engines.option_values import demand_known, phrases, share

SCORE = 0.5
SOME = 0.3
"""The score of a foreign stretch that is a smaller part of the text."""
GOOD_PART = 0.4
PART = 600
"""Characters of a stretch that is judged at once."""
SMALL_PART = 0.05
FEWEST_LETTERS = 8
_STRETCH = re.compile(rf"\S[^\n]{{0,{PART}}}(?:\S{{0,100}})")
_MOST = 2000
_CODE = re.compile(r"```.{0,20000}?```|`[^`\n]{1,200}`|https?://\S{1,500}", re.DOTALL)


class LanguagePolicy(Engine):
    name = "language_policy"
    version = "1.0.0"
    category = "language_policy"
    inputs = ("text", "response", "documents")

    def examine(self, document: Document) -> EngineResult:
        options = document.options(self.name)
        demand_known(options, ("languages", "scripts", "score"))
        languages = {_language(each.lower()) for each in phrases(options, "languages", longest=20)}
        languages |= {"hr"} if "sr" in languages else set()
        scripts = {
            _known("scripts", each.title(), SCRIPTS)
            for each in phrases(options, "scripts", longest=20)
        }
        score = share(options, "score", SCORE)
        if not languages and not scripts:
            return self.without(Outcome.UNSUPPORTED, "the policy names no languages or scripts")
        found: list[Finding] = []
        for field, text in document.fields(self.inputs).items():
            plain = _CODE.sub(lambda match: " " * len(match[0]), text)
            if scripts:
                found += self._scripts(field, plain, scripts, score)
            if languages:
                found += self._languages(field, plain, languages, score)
        return self.found(found)

    def _scripts(
        self, field: str, text: str, allowed: Collection[str], score: float
    ) -> Iterator[Finding]:
        counted = letters_by_script(text)
        total = sum(counted.values())
        for script, letters in counted.items():
            if script in allowed or letters < FEWEST_LETTERS or letters < SMALL_PART * total:
                continue
            spans = [
                match.span()
                for match in re.finditer(rf"[{SCRIPTS[script]}]+(?:\s[{SCRIPTS[script]}]+)*", text)
            ]
            yield self._found(field, script, "script", spans, letters / total, score)

    def _languages(
        self, field: str, text: str, allowed: Collection[str], score: float
    ) -> Iterator[Finding]:
        foreign: dict[str, list[Span]] = {}
        sizes: dict[str, int] = {}
        total = 0
        for number, match in enumerate(_STRETCH.finditer(text)):
            if number >= _MOST:
                break
            likely = languages_of(match[0])
            if not likely:
                continue
            total += len(match[0])
            if not any(language in allowed for language in likely):
                foreign.setdefault(likely[0], []).append(match.span())
                sizes[likely[0]] = sizes.get(likely[0], 0) + len(match[0])
        for language, spans in foreign.items():
            part = sizes[language] / total
            if part >= SMALL_PART:
                yield self._found(field, language, "language", spans, part, score)

    def _found(
        self, field: str, what: str, kind: str, spans: list[Span], part: float, score: float
    ) -> Finding:
        score = score if part >= GOOD_PART else min(score, SOME)
        label, message = f"{kind}_{what.lower()}", f"is written in the {kind} {what}"
        places = tuple(spans[:MAX_SPANS])
        return Finding(self.name, self.category, score, label, field, places, message)


def _language(code: str) -> str:
    plain = code.replace("_", "-").partition("-")[0]
    return _known("languages", ALSO.get(plain, plain), LANGUAGES)


def _known(option: str, value: str, known: Mapping[str, Any] | Collection[str]) -> str:
    if value in known:
        return value
    near = difflib.get_close_matches(value, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; write one of {', '.join(sorted(known))}"
    raise ConfigError(f"`{option}` has {value!r}, which is not known{hint}")
