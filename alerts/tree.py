"""The routing tree: which receivers an alert goes to, and how they want it grouped and timed."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from alerts.matchers import Matcher, written


@dataclass(frozen=True, slots=True)
class Node:
    """One route, everything inherited filled in.

    `place` is where it stands in the file; `path` is built of the matchers from the root down, so
    that a group keeps its identity when routes move. `group_by` None means by every label.
    Alertmanager's routes have one receiver, flat entries several, the flat root none. `mute` and
    `active` name time intervals and are a route's own. Whoever is in `escalate_to` is told of what
    nobody acknowledged within `escalate_after` seconds.
    """

    place: str
    path: str
    receivers: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    goes_on: bool
    group_by: tuple[str, ...] | None
    group_wait: float
    group_interval: float
    repeat_interval: float
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    escalate_after: float | None = None
    escalate_to: tuple[str, ...] = ()
    routes: tuple[Node, ...] = field(default=())

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver that an alert goes to; durations are in seconds.

    `receiver` is the name in the route until `config.parts` tells which of its parts is meant.
    """

    receiver: str
    place: str
    path: str
    group_by: tuple[str, ...] | None
    group_wait: float
    group_interval: float
    repeat_interval: float
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    escalate_after: float | None = None
    escalate_to: tuple[str, ...] = ()
    send_resolved: bool = True

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels by which this alert is grouped; missing ones are left out."""
        names = sorted(labels) if self.group_by is None else sorted(self.group_by)
        return {name: labels[name] for name in names if labels.get(name)}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """The identity of the alert's group within this receiver."""
        return f"{self.path}:{json.dumps(self.group_labels(labels), ensure_ascii=False)}"


def matching(node: Node, labels: Mapping[str, str]) -> tuple[Node, ...]:
    """The deepest matching nodes in order, as Alertmanager finds them."""
    if not all(matcher.matches(labels) for matcher in node.matchers):
        return ()
    found: list[Node] = []
    for child in node.routes:
        below = matching(child, labels)
        found.extend(below)
        if below and not child.goes_on:
            break
    return tuple(found) or (node,)


def route(tree: Node, labels: Mapping[str, str]) -> tuple[Target, ...]:
    """Every receiver for these labels, in order; empty where no flat entry matches."""
    return tuple(
        target(node, receiver) for node in matching(tree, labels) for receiver in node.receivers
    )


@functools.lru_cache(maxsize=4096)
def target(node: Node, receiver: str) -> Target:
    """A route's view of one receiver."""
    return Target(
        receiver=receiver,
        place=node.place,
        path=node.path,
        group_by=node.group_by,
        group_wait=node.group_wait,
        group_interval=node.group_interval,
        repeat_interval=node.repeat_interval,
        mute=node.mute,
        active=node.active,
        escalate_after=node.escalate_after,
        escalate_to=node.escalate_to,
    )


def explain(tree: Node, labels: Mapping[str, str]) -> str:
    """Why `route` answers as it does, in words."""
    parts = []
    for node in matching(tree, labels):
        if not node.receivers:
            return f"no entry of {node.place} matches these labels, so no receiver is told"
        why = f"matches {written(node.matchers)}" if node.matchers else "takes everything else"
        parts.append(f"{node.place} {why}: {', '.join(node.receivers)}")
    return "; ".join(parts)
