"""The texts of one receiver: shipped templates, some replaced by the operator's."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta

from alerts.templates.sandbox import BUDGET, LONGEST, STEPS, Exceeded, Refused, Sandbox
from core.configfile import nearest
from core.errors import ConfigError

FOLDER = Path(__file__).parent
BIGGEST = 64 * 1024
"""Bytes of one template."""

TROUBLE = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a template can raise while it is rendered."""


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text and the file it stands in; an inline one has no file."""

    text: str
    file: Path | None = None


def _environments() -> dict[bool, Sandbox]:
    return {html: Sandbox(html=html) for html in (False, True)}


_ENVIRONMENTS = _environments()


class Templates:
    """The templates of one receiver, by part: `title`, `text`, `html`, ….

    `shipped` names the file of each part, or nothing where the receiver does without unless told.
    """

    def __init__(
        self,
        shipped: Mapping[str, str],
        own: Mapping[str, Source],
        sample: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        """Raises ConfigError naming part, file and line of a template that is broken.

        Each own template is tried on every view of `sample`.
        """
        for part in own:
            if part not in shipped:
                hint = nearest(part, shipped) or f"; known: {', '.join(shipped) or 'none'}"
                raise ConfigError(f"templates: no part is named {part!r}{hint}")
        self._shipped = {part: _shipped(part, file) for part, file in shipped.items() if file}
        self._own = {}
        known = frozenset(sample[0]) if sample else frozenset()
        for part, source in own.items():
            self._own[part] = _own(part, source, known)
            for view in sample:
                self._try(part, source, view)

    def _try(self, part: str, source: Source, view: Mapping[str, Any]) -> None:
        try:
            _rendered(self._own[part], view)
        except TROUBLE as problem:
            raise ConfigError(f"{_place(part, source, _line(problem))}: {problem}") from None

    def __contains__(self, part: str) -> bool:
        return part in self._own or part in self._shipped

    def is_own(self, part: str) -> bool:
        """Whether the operator wrote this part."""
        return part in self._own

    def render(self, part: str, view: Mapping[str, Any]) -> str:
        """The text of a part. An own template that fails on this message gives way to the shipped.

        Raises ConfigError where there is no shipped one.
        """
        if part in self._own:
            try:
                return _rendered(self._own[part], view)
            except TROUBLE as problem:
                if part not in self._shipped:
                    raise ConfigError(f"template {part}: {problem}") from None
                line = _line(problem)
                note = f"(template {part}{f', line {line}' if line else ''}: {problem})"
                view = {**view, "reason": f"{view['reason']} {note}"}
        return _rendered(self._shipped[part], view)


def _shipped(part: str, file: str) -> Template:
    text = (FOLDER / file).read_text(encoding="utf-8")
    return _compiled(part, Source(text, FOLDER / file), html=file.endswith(".html"))


def _own(part: str, source: Source, known: frozenset[str]) -> Template:
    if len(source.text.encode("utf-8", "replace")) > BIGGEST:
        raise ConfigError(f"{_place(part, source)}: longer than {BIGGEST} bytes")
    environment = _ENVIRONMENTS[part == "html"]
    try:
        template = _compiled(part, source, html=part == "html")
        tree = environment.parse(source.text)
    except TemplateSyntaxError as problem:
        raise ConfigError(f"{_place(part, source, problem.lineno)}: {problem.message}") from None
    except Refused as problem:
        raise ConfigError(f"{_place(part, source, problem.lineno)}: {problem}") from None
    if unknown := sorted(meta.find_undeclared_variables(tree) - known - {"range"}):
        line = _first_line(source.text, unknown[0])
        raise ConfigError(
            f"{_place(part, source, line)}: there is no {unknown[0]!r}{nearest(unknown[0], known)}"
        )
    return template


def _compiled(part: str, source: Source, *, html: bool) -> Template:
    environment = _ENVIRONMENTS[html]
    code = environment.compile(source.text, part, f"<template {part}>")
    return Template.from_code(environment, code, environment.make_globals(None))


def _rendered(template: Template, view: Mapping[str, Any]) -> str:
    return "".join(_measured(template.generate({**view, BUDGET: [STEPS]})))


def _measured(pieces: Iterator[str]) -> Iterator[str]:
    left = LONGEST
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise Exceeded(f"a message of more than {LONGEST} characters")
        yield piece


def _place(part: str, source: Source, line: int | None = None) -> str:
    at = f"{source.file}" if source.file else ""
    if line:
        at = f"{at}:{line}" if at else f"line {line}"
    return f"templates: {part}: {at}" if at else f"templates: {part}"


def _line(problem: BaseException) -> int | None:
    """The line of the template at which it failed."""
    if isinstance(problem, TemplateSyntaxError | Refused):
        return problem.lineno
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.startswith("<template ")]
    return lines[-1] if lines else None


def _first_line(text: str, word: str) -> int | None:
    for number, line in enumerate(text.splitlines(), 1):
        if word in line:
            return number
    return None
