"""The way of an alert through the routing tree, with what was asked at each fork."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.matchers import Matcher
from alerts.tree import Node


@dataclass(frozen=True, slots=True)
class Answer:
    """What one route said of these labels: `matched`, or why not, or why it was not asked."""

    place: str
    matched: bool
    because: str


@dataclass(frozen=True, slots=True)
class Step:
    """One route on the way; `because` says what its matchers met, `others` what its
    siblings said."""

    place: str
    because: str
    others: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A way from the root to the route that decides. `below` is what that route's own said."""

    node: Node
    steps: tuple[Step, ...]
    below: tuple[Answer, ...]


def paths(tree: Node, labels: Mapping[str, str]) -> tuple[Path, ...]:
    """One way for each deepest route that matches, in the order of `tree.matching`."""
    root = Step(tree.place, _why(tree.matchers, labels), ())
    return tuple(_below(tree, labels, (root,)))


def _below(node: Node, labels: Mapping[str, str], way: tuple[Step, ...]) -> Iterator[Path]:
    answers = tuple(_asked(node.routes, labels))
    taken = [child for child, one in zip(node.routes, answers, strict=True) if one.matched]
    if not taken:
        yield Path(node, way, answers)
    for child in taken:
        others = tuple(one for one in answers if one.place != child.place)
        yield from _below(
            child, labels, (*way, Step(child.place, _why(child.matchers, labels), others))
        )


def _asked(routes: tuple[Node, ...], labels: Mapping[str, str]) -> Iterator[Answer]:
    stopped = ""
    for child in routes:
        failing = [one for one in child.matchers if not one.matches(labels)]
        if stopped:
            yield Answer(child.place, False, f"not asked, as {stopped} matches without continue")
        elif failing:
            yield Answer(child.place, False, _unmet(failing[0], labels))
        else:
            goes_on = " and goes on, by continue" if child.goes_on else ""
            yield Answer(child.place, True, f"matches as well{goes_on}")
            stopped = "" if child.goes_on else child.place


def _why(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> str:
    if not matchers:
        return "takes everything"
    return "; ".join(f"{one} is met: {_value(one, labels)}" for one in matchers)


def _unmet(matcher: Matcher, labels: Mapping[str, str]) -> str:
    return f"{matcher} is not met: {_value(matcher, labels)}"


def _value(matcher: Matcher, labels: Mapping[str, str]) -> str:
    value = labels.get(matcher.name, "")
    return f'{matcher.name} is "{value}"' if value else f"there is no {matcher.name}"
