"""Passages of a marked-up text that a person who looks at the page does not see.

Nothing here parses HTML properly: one pass over the tags, tolerant of everything, linear in the
length. A tag whose attributes are longer than the bound is taken for text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

_TAG = re.compile(r"<(/?)([a-z][a-z0-9-]{0,30})\b([^<>]{0,3000})>")
_VOID = frozenset({"img", "input", "meta", "link", "br", "hr", "source", "area", "embed", "col"})
_UNSEEN_TAGS = frozenset({"template", "noscript", "title", "noembed"})
_ATTRIBUTE = re.compile(
    r"\b(alt|title|aria-[a-z]{4,20}|content|value|summary|placeholder|data-[a-z-]{1,30})"
    r"\s{0,3}=\s{0,3}(?:\"([^\"]+)|'([^']+))"
)
_HIDING = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}(?:hidden|collapse)"
    r"|font-size\s{0,3}:\s{0,3}(?:0(?:\.[0-4]\d{0,3})?|1(?=px|pt))(?:px|pt|em|rem|%|\b)(?!\.\d)"
    r"|(?<!-)\bopacity\s{0,3}:\s{0,3}(?:0(?:\.0\d{0,3})?|\.0\d{0,3})(?![.\d])"
    r"|(?:left|top|right|text-indent|margin-left|margin-top)\s{0,3}:\s{0,3}-\d{3,6}"
    r"|clip(?:-path)?\s{0,3}:\s{0,3}(?:rect\(\s{0,3}[01](?:px)?[ ,]|inset\((?:50|100)%)"
    r"|transform\s{0,3}:\s{0,3}scale\(\s{0,3}0(?:\.0\d{0,3})?\s{0,3}\)"
    r"|(?:max-)?(?:height|width)\s{0,3}:\s{0,3}0(?:px)?\s{0,3}(?:;|$)"
)
_HIDDEN_ATTRIBUTE = re.compile(
    r"(?:^|\s)hidden(?:$|[\s/]|=(?!\s{0,3}[\"']?false))|\baria-hidden\s{0,3}=\s{0,3}[\"']?true"
    r"|\bclass\s{0,3}=\s{0,3}[\"'][^\"']{0,200}\b(?:sr-only|visually-?hidden|d-none|invisible)\b"
    r"|\bsize\s{0,3}=\s{0,3}[\"']?0\b|\btype\s{0,3}=\s{0,3}[\"']?hidden\b"
)
_COLOUR = re.compile(
    r"(?<![\w-])color\s{0,3}[:=]\s{0,3}[\"']?\s{0,3}([#\w]{1,30}(?:\([^()]{0,40}\))?)"
)
_GROUND = re.compile(
    r"\b(?:background(?:-color)?|bgcolor)\s{0,3}[:=]\s{0,3}[\"']?\s{0,3}([#\w]{1,30}(?:\([^()]{0,40}\))?)"
)
_WHITES = frozenset({"white", "#fff", "#ffffff", "#fefefe", "#fdfdfd", "snow", "ivory"})
_CLEAR = re.compile(r"transparent|rgba\([^)]{0,30},\s{0,3}0?\.?0\d?\s{0,3}\)|#[0-9a-f]{6}00\b")
_STYLE_RULE = re.compile(r"[.#]([\w-]{1,60})\s{0,5}\{([^{}]{0,1000})\}")
_NAMED = re.compile(
    r"\b(?:class|id)\s{0,3}=\s{0,3}(?:\"([^\"]{1,300})|'([^']{1,300})|([\w-]{1,60}))"
)
_MARKDOWN = (
    (
        "comment",
        re.compile(
            r"(?m)^ {0,3}\[[^\[\]\n]{1,80}\]:[ \t]{0,5}[^\s]{1,500}[ \t]{0,5}[\"'(]([^\n]{1,8000})"
        ),
    ),
    ("image text", re.compile(r"!\[([^\[\]\n]{8,4000})\]\(")),
    ("title", re.compile(r"\]\([^\s()]{1,1000}\s{1,5}[\"']([^\"\n]{8,4000})")),
    ("white LaTeX", re.compile(r"\\textcolor\{white\}\s{0,5}\{([^{}]{1,8000})")),
    ("white LaTeX", re.compile(r"\{\s{0,5}\\color\{white\}([^{}]{1,8000})")),
    (
        "tiny LaTeX",
        re.compile(
            r"\\fontsize\{0?\.\d{1,3}(?:pt)?\}\{[^{}]{0,10}\}(?:\\selectfont)?([^{}]{1,8000})"
        ),
    ),
)
_DATA = re.compile(
    r"data:text/[\w.+-]{1,20}((?:;[\w=-]{1,30}){0,3}),([^\s\"'<>)]{8,})", re.IGNORECASE
)


class Passage(NamedTuple):
    """`[start, end)` of the text; `words` is what is read there. `plainly` hidden text was made
    invisible on purpose; comments and attributes are hidden by their nature."""

    start: int
    end: int
    words: str
    how: str
    plainly: bool = False


def hidden_passages(text: str, lower: str) -> Iterator[Passage]:
    """Every hidden passage; `lower` is the text in lower case, of the same length."""
    if "<" in lower:
        yield from _comments(lower)
        yield from _elements(lower)
    if "](" in lower or "]:" in lower or "\\" in lower:
        for how, pattern in _MARKDOWN:
            for match in pattern.finditer(lower):
                yield Passage(*match.span(1), match[1], how)
    if "data:text" in lower:
        for match in _DATA.finditer(text):
            yield Passage(*match.span(), _decoded(match[2], "base64" in match[1]), "data URI")


def _comments(lower: str) -> Iterator[Passage]:
    """HTML comments; one that is never closed runs to the end, as in a browser."""
    end = 0
    while (start := lower.find("<!--", end)) >= 0:
        end = lower.find("-->", start + 4)
        if end < 0:
            end = len(lower)
        if start + 4 < end:
            yield Passage(start + 4, end, lower[start + 4 : end], "comment")


def _elements(lower: str) -> Iterator[Passage]:
    """The contents of elements that are hidden, outermost ones whole, and unseen attributes."""
    names = _hiding_names(lower)
    tag, how, start, depth = "", "", 0, 0
    for match in _TAG.finditer(lower):
        closing, name, attributes = match.groups()
        for attribute in _ATTRIBUTE.finditer(attributes) if "=" in attributes else ():
            place = 2 if attribute[2] else 3
            first, last = (match.start(3) + each for each in attribute.span(place))
            yield Passage(first, last, attribute[place], f"attribute {attribute[1]}")
        if tag:
            if name == tag:
                depth += -1 if closing else 1
            if not depth:
                if start < match.start():
                    yield Passage(start, match.start(), lower[start : match.start()], how, True)
                tag = ""
        elif not closing and name not in _VOID and not attributes.endswith("/"):
            how = _hidden_by(name, attributes, names)
            if how:
                tag, start, depth = name, match.end(), 1
    if tag and start < len(lower):
        yield Passage(start, len(lower), lower[start:], how, True)


def _hidden_by(name: str, attributes: str, names: frozenset[str]) -> str:
    """How this tag hides what is in it; empty when it does not."""
    if name in _UNSEEN_TAGS:
        return f"element {name}"
    if not attributes or name in {"svg", "path", "script", "style"}:
        return ""
    if _HIDING.search(attributes):
        return "style"
    if _HIDDEN_ATTRIBUTE.search(attributes):
        return "attribute"
    if "color" in attributes and _invisible_ink(attributes):
        return "colour"
    if names:
        for match in _NAMED.finditer(attributes):
            if names.intersection((match[1] or match[2] or match[3]).split()):
                return "style sheet"
    return ""


def _invisible_ink(style: str) -> bool:
    """Whether the letters have the colour of their ground, which is white where nothing is said."""
    ink, ground = _COLOUR.search(style), _GROUND.search(style)
    if not ink:
        return False
    colour = ink[1].replace(" ", "")
    if _CLEAR.fullmatch(colour):
        return True
    behind = ground[1].replace(" ", "") if ground else "white"
    return colour == behind or (_is_white(colour) and _is_white(behind))


def _is_white(colour: str) -> bool:
    return colour in _WHITES or colour.startswith(("rgb(255,255,255", "rgba(255,255,255"))


def _hiding_names(lower: str) -> frozenset[str]:
    """The classes and ids that a style sheet in the text makes invisible."""
    if "<style" not in lower:
        return frozenset()
    return frozenset(
        name
        for name, style in _STYLE_RULE.findall(lower)
        if _HIDING.search(style) or _invisible_ink(style)
    )


def _decoded(body: str, base64: bool) -> str:
    plain = unquote(body)
    if not base64:
        return plain.lower()
    body = plain.rstrip("=")
    try:
        data = binascii.a2b_base64(body[: len(body) - (len(body) % 4 == 1)] + "==")
    except (binascii.Error, ValueError):
        return ""
    return data.decode("utf-8", errors="replace").lower()
