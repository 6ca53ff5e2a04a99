"""Ciphers of the alphabet and words written backwards, undone where known words give them away.

Shifted alphabets (rot13 and Caesar's), the reversed one, each word or each line turned round. Two
known words are asked for, so that ordinary text has no second reading.
"""

from __future__ import annotations

import re

from engines.needles import LOWERED
from engines.normaliser import View, rewrite

_WORD = re.compile(r"[^\W_]{2,}")
_LINE = re.compile(r"[^\n]+")
_SHORT_WORDS = "the and you your all are not with this that from have what show tell"
_LONG_WORDS = (
    "ignore previous prior above instructions instruction prompt system reveal forget disregard"
    " rules print password secret everything following without restrictions answer"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _alphabets() -> dict[str, dict[int, int]]:
    """Shifted alphabets and the reversed one, by name of the layer, and how to undo each."""
    turned = {f"shift {by}": _LETTERS[by:] + _LETTERS[:by] for by in range(1, 26)}
    turned["atbash"] = _LETTERS[::-1]
    return {
        name: str.maketrans(cipher + cipher.upper(), _LETTERS + _LETTERS.upper())
        for name, cipher in turned.items()
    }


_UNDO = _alphabets()
_ROT13 = "shift 13"


def _telltales() -> dict[str, str]:
    """Enciphered words that give their alphabet away."""
    found = {}
    for name, undo in _UNDO.items():
        encipher = {plain: cipher for cipher, plain in undo.items()}
        words = _LONG_WORDS + (" " + _SHORT_WORDS if name == _ROT13 else "")
        found.update({word.translate(encipher): name for word in words.split()})
    return found


_TELLTALES = _telltales()
_ENCIPHERED = frozenset(_TELLTALES)
_BACKWARDS = frozenset(
    word[::-1] for word in f"{_LONG_WORDS} the and you your this that from what".split()
) - {"ton", "era"}

LOWERED.add(_ENCIPHERED | _BACKWARDS)


def alphabet(parent: View) -> View | None:
    """The text in its own letters, when two known words stand there in a shifted alphabet."""
    told = [_TELLTALES[word] for word in _standing(_ENCIPHERED, parent)]
    if len(told) < 2:
        return None
    name = max(sorted(set(told)), key=told.count)
    if told.count(name) < 2:
        return None
    layer = "rot13" if name == _ROT13 else "another alphabet"
    turned = parent.text.translate(_UNDO[name])
    return View(parent.field, turned, (*parent.layers, layer), parent)


def reversed_words(parent: View) -> View | None:
    """The text with each word turned round, when two known words stand there backwards."""
    if len(_standing(_BACKWARDS, parent)) < 2:
        return None
    return rewrite(parent, _WORD, lambda match: match[0][::-1], "reversed words")


def reversed_lines(parent: View) -> View | None:
    """The text with each line turned round, when two known words stand there backwards."""
    if len(_standing(_BACKWARDS, parent)) < 2:
        return None
    return rewrite(parent, _LINE, lambda match: match[0][::-1], "reversed lines")


def _standing(known: frozenset[str], view: View) -> frozenset[str]:
    """Which of the known words stand in the view, where there may be two of them."""
    if len(known & view.needles(False)) < 2:
        return frozenset()
    return known & view.words
