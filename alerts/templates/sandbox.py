"""Jinja2 that can neither reach anything nor grow without bound.

A template sees the values that it is given and a short list of filters and methods. Each render has
a budget of loop steps and of characters, counted and not timed, so that it ends the same anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

STEPS = 20_000
"""Loop steps of one render, all its loops together."""
WIDEST = 1000
"""Numbers of one range."""
LONGEST = 200_000
"""Characters of one rendered text, and of any text on the way there."""
BUDGET = "_steps_left"

FILTERS = """
abs capitalize count d default dictsort e escape first float forceescape groupby int items join last
length list lower map max min reject rejectattr replace reverse round select selectattr sort string
striptags sum title trim truncate unique upper urlencode wordcount
"""
METHODS = """
endswith get items keys lower lstrip removeprefix removesuffix rstrip split startswith strip title
upper values isoformat strftime
"""
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Macro: "macros are",
    nodes.CallBlock: "call blocks are",
    nodes.Import: "imports are",
    nodes.FromImport: "imports are",
    nodes.Include: "include is",
    nodes.Extends: "extends is",
    nodes.Block: "blocks are",
}


_CONTAINERS: tuple[type[nodes.Node], ...] = (nodes.List, nodes.Dict, nodes.Tuple)


class Exceeded(SecurityError):
    """The template asks for more than one message may hold."""


class Refused(SecurityError):
    """The template uses something that templates here do not have."""

    def __init__(self, message: str, lineno: int) -> None:
        super().__init__(message)
        self.lineno = lineno


class _Bounded(NodeTransformer):
    """Puts a counter into every loop and a measure into every joining of texts."""

    def __init__(self) -> None:
        self.depth = 0

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        if (what := _REFUSED.get(type(node))) is not None:
            raise Refused(f"{what} not available in templates", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise Refused("recursive loops are not available in templates", node.lineno)
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "joined", [], [], None, None, lineno=node.lineno)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        if isinstance(node.node, _CONTAINERS) or any(map(node.node.find, _CONTAINERS)):
            raise Refused("set takes a text or a number here, no list", node.lineno)
        return self.generic_visit(node)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of every template; autoescaping is on for HTML."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(
            autoescape=html,
            undefined=StrictUndefined,
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        known = self.filters
        self.filters = {
            **{name: known[name] for name in FILTERS.split()},
            "counted": counted,
            "joined": joined,
            "join": _joins(known["join"]),
            "replace": _replaces,
            "tojson": _json,
        }
        self.globals = {"range": counting}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _Bounded().visit(super()._parse(source, name, filename))  # type: ignore[no-any-return]

    def is_safe_callable(self, obj: Any) -> bool:
        """The few methods that read a value, and `range`."""
        return obj is counting or getattr(obj, "__name__", "") in METHODS.split()

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """No attribute of a function, and nothing private."""
        return super().is_safe_attribute(obj, attr, value) and not attr.startswith("_")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers, and texts added to texts."""
        texts = isinstance(left, str) and isinstance(right, str)
        if operator == "+" and texts:
            return bounded(left, right) and left + right
        numbers = all(isinstance(one, int | float) and abs(one) < 1e15 for one in (left, right))
        if not numbers or operator == "**":
            raise Exceeded(f"{operator} is for numbers of ordinary size only; texts join with ~")
        return super().call_binop(context, operator, left, right)


def counting(*bounds: int) -> range:
    """`range`, kept within the budget. Raises Exceeded."""
    found = range(*bounds)
    if found[WIDEST:]:
        raise Exceeded(f"a range of more than {WIDEST} numbers")
    return found


@pass_context
def counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    """The values, each taken off the budget of the render."""
    left: list[int] = context[BUDGET]
    for value in values:
        left[0] -= 1
        if left[0] < 0:
            raise Exceeded(f"more than {STEPS} loop steps")
        yield value


def bounded(*texts: object) -> bool:
    """True where these texts together stay within bounds. Raises Exceeded."""
    if sum(len(text) if isinstance(text, str) else 32 for text in texts) > LONGEST:
        raise Exceeded(f"a text of more than {LONGEST} characters")
    return True


@pass_eval_context
def joined(evaluation: EvalContext, parts: list[Any]) -> str:
    """What `~` does, measured first."""
    plain = [_printable(part) for part in parts]
    bounded(*plain)
    return markup_join(plain) if evaluation.autoescape else str_join(plain)


def _joins(join: Callable[..., Any]) -> Callable[..., Any]:
    @pass_eval_context
    def measured(evaluation: EvalContext, value: Iterable[Any], d: str = "") -> Any:
        parts = [_printable(part) for part in value]
        bounded(*parts, *[d] * len(parts))
        return join(evaluation, parts, d)

    return measured


def _replaces(text: str, old: str, new: str) -> str:
    kept = str(text)
    if len(kept) + kept.count(old) * len(new) > LONGEST:
        raise Exceeded(f"a text of more than {LONGEST} characters")
    return kept.replace(old, new)


def _json(value: Any) -> str:
    """JSON that is also safe where HTML is; texts, numbers and flat mappings only."""
    if isinstance(value, dict):
        value = {str(name): _printable(one) for name, one in value.items()}
    else:
        value = _printable(value)
    said = json.dumps(value, ensure_ascii=False, default=str)
    for mark in "<>&'":
        said = said.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(said)  # every mark of HTML is escaped above


def _printable(value: Any) -> Any:
    """What a template may print: texts, numbers, times and nothing that contains others."""
    if isinstance(value, str):
        bounded(value)
    elif value is not None and not isinstance(value, int | float | datetime | Undefined):
        raise Exceeded(
            "only texts, numbers and times can be printed; loop over a list or use |join(', ')"
        )
    return "" if value is None else value
