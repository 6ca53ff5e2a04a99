"""Names of people, places, organisations and peoples.

Looks at words that begin with a capital where no sentence begins, and weighs what stands around
them: titles, "my name is", "lives in", "works for", legal forms, familiar given names, endings of
surnames, and whether ordinary texts write the word small.

Why it matters: a name ties everything else in a text to a person. Names alone are ordinary, so
they score low and only inform.

Flags: Please send the contract to Dr. Katarina Vestergaard before she leaves.
Passes: The Quick Start Guide explains how to open Settings on a Monday.

Source: OWASP LLM02:2025; GDPR Article 4(1), personal data by identifier such as a name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

from core.analysis import Finding
from engines.base import MAX_SPANS, TextEngine
from engines.name_lists import (
    GIVEN_NAMES,
    HONORIFICS,
    NO_NAMES,
    ORGANISATION_BEFORE,
    ORGANISATION_VERBS,
    ORGANISATION_WORDS,
    OTHER_TONGUES,
    PEOPLES,
    PERSON_AFTER,
    PERSON_BEFORE,
    PLACE_BEFORE,
    PLACE_PHRASES,
    PLACES,
    SURNAMES,
)
from engines.normaliser import View

_LARGE = "A-ZÀ-ÖØ-ÞĀ-ŽƁ-ȲΆ-ΫА-ЯЁЀ-ЏҐ"
_WORD = rf"[{_LARGE}](?:[\w]|['’.&-](?=\w)){{0,40}}"
_JOIN = (
    r"(?: | ?& | and (?=[A-Z][\w]+ (?:Inc|Ltd|LLC|Co|Sons|Partners|Associates)\b)"
    r"|[ ](?:de la|de los|de|del|da|do|dos|das|di|du|van der|van den|van de|van|von der|von|zu|der"
    r"|den|la|le|el|al|bin|ibn|af|av|y|e|i|of the|of)[ ])"
)
_DOT = (
    r"(?:(?<=\b[A-Z])\.|(?<=\b(?:Mr|Ms|Mx|Dr|St|Jr|Sr|Lt|Co|Fr|Hr))\."
    r"|(?<=\b(?:Mrs|Inc|Ltd|Gen|Rev|Sgt|Col))\.|(?<=\b(?:Prof|Corp|Capt))\.)?"
)
_RUN = re.compile(rf"{_WORD}{_DOT}(?:{_JOIN}{_WORD}{_DOT}){{0,7}}")
_PART = re.compile(r"[^\s&]+")
_BEFORE = re.compile(r"[\w'’-]+|[.!?:;,\n\"“()>*#|]")
_SURNAME_END = re.compile(
    r"\w{2,}(?:ov|ova|ev|eva|in[ao]?v|ski|ska|sky|skaya|wicz|czyk|ić|vić|vic|sson|ssen|sen|dóttir"
    r"|dottir|enko|chuk|escu|opoulos|idis|akis|yan|ian|shvili|berg|stein|mann|feld|strom|ström|quist|qvist"
    r"|lund|gren|vik|stad|ez|elli|etti|ini|ucci|inho|eira|oğlu|oglu|nen|ová|ák|ík|ný|ffy|házi|moto|mura"
    r"|yama|kawa|gawa|zaki|saki|hashi|singh|pour|zadeh|wala)\Z"
)
_SAMPLE = 2000
_FOREIGN_SHARE = 20
"""One word in so many is enough: an English text has next to none of these."""
_FULL, _SINGLE, _FAINT = 0.04, 0.03, 0.02
_AFTER = re.compile(r"(?P<owner>['’]s?\b|['’](?= ))?[ ]?(?P<next>[a-z]{2,12})?")
_CODE_BEFORE = tuple("._/\\@#$<`{[=-&")
_CODE_AFTER = tuple("(_{[<=/\\`@")
_PAST = re.compile(r"\w{3}ed\Z")
_SHOUTED = re.compile(r"[A-Z]{2}")
_MADE_UP = re.compile(r"\d|[A-Z]{2}.*[a-z]|[IiUu]['’](?:m|ll|ve|d)$|n['’]t$")
"""Versions, acronyms in the plural, `I'm`: no names."""
_HUMP = re.compile(r"[a-z][A-Z]")
"""A name of code: `HttpRequest`."""
_LETTER = re.compile(r"[A-Z]\.?")


_MESSAGES = {
    "person_name": "holds the name of a person",
    "place_name": "holds the name of a place",
    "organisation_name": "holds the name of an organisation",
    "people_name": "names a people or a faith",
    "proper_name": "holds a name",
    "title": "addresses somebody by a title",
}


class _Token(NamedTuple):
    text: str
    plain: str
    start: int
    end: int


class ProperNames(TextEngine):
    name = "proper_names"
    version = "1.0.0"
    category = "personal_data"
    inputs = ("text", "response", "documents", "history")
    reads: ClassVar[Literal["original", "every"]] = "original"

    def load(self) -> None:
        path = Path(__file__).with_name("ordinary_words.txt")
        self._ordinary = frozenset(path.read_text(encoding="utf-8").split()) | NO_NAMES

    def scan(self, view: View) -> Iterable[Finding]:
        names = itertools.islice(self._names(view.text), MAX_SPANS)
        for start, end, label, score in names:
            message = _MESSAGES[label]
            yield self.finding(view, start, end, label=label, score=score, message=message)

    def _names(self, text: str) -> Iterator[tuple[int, int, str, float]]:
        words = text[:_SAMPLE].split()
        strange = sum(map(OTHER_TONGUES.__contains__, words))
        foreign = strange > 1 and strange * _FOREIGN_SHARE > len(words)
        for run in _RUN.finditer(text):
            if run[0].lower() not in self._ordinary:
                yield from self._judge(text, run, foreign)
        if text.islower():
            yield from self._small(text)

    def _judge(
        self, text: str, run: re.Match[str], foreign: bool
    ) -> Iterator[tuple[int, int, str, float]]:
        """What one run of capitalised words names."""
        start, end = run.span()
        before_sign = text[start - 1] if start else " "
        if (
            before_sign.isalnum()
            or before_sign in _CODE_BEFORE
            or text[end : end + 1] in _CODE_AFTER
        ):
            return
        tokens = [_token(part, start) for part in _PART.finditer(run[0])]
        if all(map(self._common, tokens)) and tokens[0].plain not in HONORIFICS:
            return
        before = _BEFORE.findall(text, max(0, start - 40), start)
        previous = before[-1].lower() if before else "\n"
        first = not previous[0].isalnum() and previous not in {",", "(", '"', "“"}
        titled = False
        while (
            len(tokens) > 1 and tokens[0].plain in HONORIFICS and not _SHOUTED.match(tokens[0].text)
        ):
            token = tokens.pop(0)
            titled = True
            yield token.start, token.end, "title", _FAINT
        if titled:
            first, previous = False, "mr"
        elif first and len(tokens) > 1 and self._common(tokens[0]) and not self._given(tokens[0]):
            previous = tokens.pop(0).plain
            first = False
        while tokens and tokens[0].text.islower():
            tokens.pop(0)
        while tokens and tokens[-1].text.islower():
            tokens.pop()
        if not tokens:
            return
        after = _AFTER.match(text, tokens[-1].end)
        label, score = self._label(tokens, titled, first, before, previous, after, foreign)
        if label:
            yield tokens[0].start, tokens[-1].end, label, score

    def _label(
        self,
        tokens: list[_Token],
        titled: bool,
        first: bool,
        before: list[str],
        previous: str,
        after: re.Match[str] | None,
        foreign: bool,
    ) -> tuple[str, float]:
        large = [token for token in tokens if not token.text.islower()]
        common = [self._common(token) for token in large]
        joined = " ".join(token.plain for token in tokens)
        if joined in PLACE_PHRASES or joined.removeprefix("the ") in PLACE_PHRASES:
            return "place_name", _SINGLE
        if titled:
            return "person_name", _FULL
        if len(tokens) > 1 and tokens[-1].plain in ORGANISATION_WORDS and not all(common[:-1]):
            return "organisation_name", _SINGLE
        if len(large) == 1 and joined in PEOPLES:
            return ("", 0) if previous in {"in", "into", "to"} else ("people_name", _FAINT)
        if joined in PLACES or (large[-1].plain in PLACES and all(common[:-1])):
            return "place_name", _SINGLE
        if len(large) > 1 and (
            self._given(large[0])
            or (large[-1].plain in SURNAMES and not common[0])
            or any(
                _SURNAME_END.search(token.plain) for token in large[1:] if not self._common(token)
            )
        ):
            return "person_name", _FULL
        if self._given(large[0]) and not common[0]:
            return "person_name", _SINGLE
        word, verb = previous, (after["next"] or "").lower() if after else ""
        asked = previous in {":", "?"} and any(each.lower() == "name" for each in before)
        if asked or (word == "is" and any(each.lower() in {"name", "named"} for each in before)):
            return "person_name", _FULL
        if all(common) or (len(large) > 1 and common.count(True) > len(large) / 2):
            return "", 0
        if foreign:
            return "", 0
        shouted = all(token.text.isupper() for token in large)
        if word in PLACE_BEFORE or (
            word == "the" and len(before) > 1 and before[-2] in PLACE_BEFORE
        ):
            working = any(each.lower() in ORGANISATION_VERBS for each in before)
            return ("organisation_name" if working else "place_name"), _FAINT
        if shouted:
            return "", 0
        if word in ORGANISATION_BEFORE:
            return "organisation_name", _FAINT
        possessive = after is not None and after["owner"] is not None
        if (
            len(large) > 1
            or possessive
            or word in PERSON_BEFORE
            or verb in PERSON_AFTER
            or _PAST.search(verb)
        ):
            return "person_name", _SINGLE if len(large) > 1 else _FAINT
        if _SURNAME_END.search(large[-1].plain):
            return "person_name", _FAINT
        return ("", 0) if first or _HUMP.search(large[-1].text) else ("proper_name", _FAINT)

    def _common(self, token: _Token) -> bool:
        """Whether ordinary texts write it small, or it is an acronym, a product, a weekday."""
        return (
            token.plain in self._ordinary
            or token.text in self._ordinary
            or _MADE_UP.search(token.text) is not None
        )

    def _given(self, token: _Token) -> bool:
        return token.plain in GIVEN_NAMES and not token.text.isupper()

    def _small(self, text: str) -> Iterator[tuple[int, int, str, float]]:
        """Familiar given names in a text that has no capitals, with the strange word after them."""
        words = list(re.finditer(r"[^\W\d_]{2,24}", text))
        for word, following in itertools.zip_longest(words, words[1:]):
            if word[0] not in GIVEN_NAMES or word[0] in self._ordinary:
                continue
            if text[word.end() : word.end() + 1] in _CODE_AFTER:
                continue
            joined = (
                following is not None
                and following.start() == word.end() + 1
                and following[0] not in self._ordinary
            )
            end = following.end() if following is not None and joined else word.end()
            yield word.start(), end, "person_name", _SINGLE


def _token(part: re.Match[str], offset: int) -> _Token:
    text = part[0]
    if text.endswith("s"):
        text = text.removesuffix("'s").removesuffix("’s")
    if text.endswith(".") and not _LETTER.fullmatch(text):
        text = text.rstrip(".")
    start = offset + part.start()
    return _Token(text, text.lower().rstrip("."), start, start + len(text))
