"""Topics that the policy denies, or those that it allows and the text does not touch.

The policy gives words and phrases: `deny: [gambling, "stock tip", "crypto*"]`. A word is compared
by its stem, so that "gambling" finds "gambled"; a star ends a word that may go on; the words of a
phrase stand together, "of" and "the" aside. With `allow`, an allowed phrase around a denied word
lifts it (deny "drug", allow "drug store"); with `allow` alone, a text of some length that touches
none of the allowed topics is off topic. `score` sets how much a denied topic weighs; off topic
weighs three quarters of that. Without lists there is no answer.

Why it matters: an assistant for bank customers has no business giving tips on horses, whatever the
model could say about them.

Flags: {"text": "Which horse should I bet on at the races?", "options": {"deny": ["betting", "horse race"]}}
Passes: {"text": "Which account is better for a trip?", "options": {"deny": ["betting", "horse race"]}}

Source: OWASP LLM06:2025 Excessive Agency (scope); topic rails of guard libraries.
"""  # noqa: E501

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from core.analysis import EngineResult, Finding, Outcome, Span
from core.errors import ConfigError
from engines.base import MAX_SPANS, Engine
from engines.document import Document
from engines.normaliser import View
from engines.option_values import demand_known, phrases, share
from engines.word_stems import NOISE, stem, tokens, vocabulary

SCORE = 0.6
OFF_TOPIC_SHARE = 0.75
ENOUGH_WORDS = 8
"""Words below which a text without any allowed topic is a greeting, or an answer to a question."""
_ODD = re.compile(r"[\\^$|{}\[\]]|\.\*|\(\?")


class _Topic(NamedTuple):
    """One entry: the stems of its words; the last may be the beginning of a word."""

    name: str
    stems: tuple[str, ...]
    open_end: bool


class _Hit(NamedTuple):
    topic: _Topic
    start: int
    end: int


class TopicPolicy(Engine):
    name = "topic_policy"
    version = "1.0.0"
    category = "topic_policy"
    inputs = ("text", "response")

    def examine(self, document: Document) -> EngineResult:
        options = document.options(self.name)
        demand_known(options, ("deny", "allow", "score"))
        denied, allowed = _listed(options, "deny"), _listed(options, "allow")
        score = share(options, "score", SCORE)
        if not denied and not allowed:
            return self.without(Outcome.UNSUPPORTED, "the policy lists no topics")
        found: list[Finding] = []
        for field in document.fields(self.inputs):
            views = document.unfold(field).views
            if denied:
                for view in views:
                    found += self._denied(view, denied, allowed, score)
            elif not any(next(_hits(view, allowed), None) for view in views):
                found += self._off_topic(views[0], score)
        return self.found(found)

    def _denied(
        self, view: View, denied: Mapping[str, Any], allowed: Mapping[str, Any], score: float
    ) -> Iterator[Finding]:
        hits = list(_hits(view, denied))
        if not hits:
            return
        lifted = [(hit.start, hit.end) for hit in _hits(view, allowed)]
        spans: dict[str, list[Span]] = {}
        for hit in hits:
            if not any(start <= hit.start and hit.end <= end for start, end in lifted):
                spans.setdefault(hit.topic.name, []).append(view.span(hit.start, hit.end))
        for name, places in spans.items():
            message = f"touches the denied topic {name!r}"
            if view.layers:
                message += f" (inside {' in '.join(reversed(view.layers))})"
            yield Finding(
                self.name, self.category, score, _label(name), view.field,
                tuple(places[:MAX_SPANS]), message,
            )  # fmt: skip

    def _off_topic(self, view: View, score: float) -> Iterator[Finding]:
        if len(list(tokens(view.lower))) >= ENOUGH_WORDS:
            yield Finding(
                self.name,
                self.category,
                round(score * OFF_TOPIC_SHARE, 4),
                "off_topic",
                view.field,
                ((0, len(view.text)),),
                "touches none of the allowed topics",
            )


def _label(name: str) -> str:
    return "denied_" + (re.sub(r"\W+", "_", name.lower()).strip("_")[:40] or "topic")


def _listed(options: Mapping[str, Any], name: str) -> Mapping[str, tuple[_Topic, ...]]:
    return _topics(name, phrases(options, name))


@functools.lru_cache(maxsize=256)
def _topics(option: str, listed: tuple[str, ...]) -> Mapping[str, tuple[_Topic, ...]]:
    """The topics by the first letters of their first stem."""
    found: dict[str, tuple[_Topic, ...]] = {}
    for name in listed:
        open_end = name.endswith("*")
        plain = name.rstrip("*").lower()
        if _ODD.search(name) or "*" in plain:
            raise ConfigError(
                f"`{option}` has {name!r}: write words and phrases, no regular expressions; a star"
                " may stand at the end"
            )
        parts = [word.text for word in tokens(plain)]
        kept = [word for word in parts if word not in NOISE] or parts
        if not kept:
            raise ConfigError(f"`{option}` has {name!r}, which holds no word")
        *front, last = kept
        stems = (*map(stem, front), last if open_end else stem(last))
        key = stems[0] if len(stems) > 1 or not open_end else stems[0][:2]
        found[key] = (*found.get(key, ()), _Topic(name, stems, open_end))
    return found


def _hits(view: View, topics: Mapping[str, tuple[_Topic, ...]]) -> Iterator[_Hit]:
    if not topics or not any(
        stem(word) in topics or word[:2] in topics for word in vocabulary(view.lower)
    ):
        return
    words = [word for word in tokens(view.lower) if word.text not in NOISE]
    stems = [stem(word.text) for word in words]
    for place, one in enumerate(stems):
        begun = (*topics.get(one, ()), *topics.get(words[place].text[:2], ()))
        for topic in begun:
            last = place + len(topic.stems) - 1
            if last >= len(words) or tuple(stems[place:last]) != topic.stems[:-1]:
                continue
            wanted = topic.stems[-1]
            fits = words[last].text.startswith(wanted) if topic.open_end else stems[last] == wanted
            if fits:
                yield _Hit(topic, words[place].start, words[last].end)
