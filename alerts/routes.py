"""Routes from their YAML: guide 2's flat list and Alertmanager's tree, both compiled to `Node`s."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from typing import cast

import re2

from alerts.document import Block, flag, items, mapping, text, texts
from alerts.matchers import LABEL, QUIET, Matcher, Operator, compiled, parse, written
from alerts.spans import duration
from alerts.tree import Node
from core.configfile import unknown_key
from core.errors import ConfigError

FLAT = Node("routing", "{}", (), (), False, ("alertname",), 0.0, 10.0, 4 * 3600.0)
"""Defaults of the flat form: tell people at once, gather what follows for ten seconds."""

TREE = Node("route", "{}", (), (), False, (), 30.0, 300.0, 4 * 3600.0)
"""Defaults of the tree: Alertmanager's own."""

EXTENSIONS = ("escalate_after", "escalate_to")
"""Keys of a route that Alertmanager does not know."""

_COMMON = (
    "match",
    "match_re",
    "matchers",
    "continue",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute_time_intervals",
    "active_time_intervals",
    *EXTENSIONS,
)
FLAT_KEYS = (*_COMMON, "receivers")
ROUTE_KEYS = (*_COMMON, "receiver", "routes")


def flat(document: Block) -> Node:
    """The tree that a flat `routing` compiles to. Raises ConfigError."""
    entries = items(document.at("routing"), document.get("routing"))
    children = []
    for index, entry in enumerate(entries):
        keys = mapping(entries.at(index), entry)
        known(keys, FLAT_KEYS)
        names = texts(keys.at("receivers"), keys.get("receivers"))
        if not names or not all(names):
            raise ConfigError(f"{keys.at('receivers')}: must list at least one name")
        if len(set(names)) < len(names):
            raise ConfigError(f"{keys.at('receivers')}: a name is listed twice")
        children.append(replace(_node(keys, FLAT), receivers=names))
    return replace(FLAT, routes=_distinct(children))


def tree(document: Block) -> Node:
    """The tree of `route`. Raises ConfigError."""
    root = mapping(document.at("route"), document.get("route"))
    if not root.get("receiver"):
        where = root.place if root else document.at("route")
        raise ConfigError(f"{where}: receiver: missing; the root names the default receiver")
    forbidden = ("match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals")
    for key in forbidden:
        if root.get(key):
            raise ConfigError(f"{root.at(key)}: not allowed on the root, which takes everything")
    if flag(root.at("continue"), root.get("continue")):
        raise ConfigError(f"{root.at('continue')}: not allowed on the root, which takes everything")
    return _route(root, TREE)


def _route(keys: Block, parent: Node) -> Node:
    known(keys, ROUTE_KEYS)
    node = _node(keys, parent)
    if receiver := text(keys.at("receiver"), keys.get("receiver")):
        node = replace(node, receivers=(receiver,))
    if parent is TREE:
        node = replace(node, path="{}")
    below = items(keys.at("routes"), keys.get("routes"))
    children = [_route(mapping(below.at(i), one), node) for i, one in enumerate(below)]
    return replace(node, routes=_distinct(children))


def _node(keys: Block, parent: Node) -> Node:
    """A node with its own keys laid over what it inherits."""
    matchers = _matchers(keys)
    escalate_to = texts(keys.at("escalate_to"), keys.get("escalate_to"))
    return Node(
        place=keys.path,
        path=f"{parent.path}/{written(matchers)}",
        receivers=parent.receivers,
        matchers=matchers,
        goes_on=flag(keys.at("continue"), keys.get("continue")),
        group_by=_group_by(keys, parent),
        group_wait=_span(keys, "group_wait", parent.group_wait, zero=True),
        group_interval=_span(keys, "group_interval", parent.group_interval),
        repeat_interval=_span(keys, "repeat_interval", parent.repeat_interval),
        mute=texts(keys.at("mute_time_intervals"), keys.get("mute_time_intervals")),
        active=texts(keys.at("active_time_intervals"), keys.get("active_time_intervals")),
        escalate_after=_escalation(keys, parent, escalate_to),
        escalate_to=escalate_to or parent.escalate_to,
    )


def _escalation(keys: Block, parent: Node, names: tuple[str, ...]) -> float | None:
    after = parent.escalate_after
    if keys.get("escalate_after") is not None:
        after = _span(keys, "escalate_after", 0.0)
    if after is not None and not (names or parent.escalate_to):
        raise ConfigError(f"{keys.at('escalate_after')}: name the receivers in escalate_to as well")
    if names and after is None:
        raise ConfigError(f"{keys.at('escalate_to')}: write escalate_after, such as 15m, as well")
    return after


def _distinct(children: list[Node]) -> tuple[Node, ...]:
    """Siblings with equal matchers get a number, so that their groups stay apart."""
    seen: Counter[str] = Counter()
    told = []
    for child in children:
        seen[child.path] += 1
        number = seen[child.path]
        told.append(child if number == 1 else _renamed(child, child.path, f"#{number}"))
    return tuple(told)


def _renamed(node: Node, prefix: str, number: str) -> Node:
    routes = tuple(_renamed(child, prefix, number) for child in node.routes)
    return replace(node, path=prefix + number + node.path.removeprefix(prefix), routes=routes)


def _matchers(keys: Block) -> tuple[Matcher, ...]:
    return matchers(keys, "match", "match_re", "matchers")


def matchers(keys: Block, match: str, match_re: str, lines: str) -> tuple[Matcher, ...]:
    """The conditions of the old keys and of the new one. Raises ConfigError naming the line."""
    found: list[Matcher] = []
    for key, operator in ((match, "="), (match_re, "=~")):
        block = mapping(keys.at(key), keys.get(key))
        for name, value in block.items():
            if not LABEL.fullmatch(name):
                raise ConfigError(f"{keys.at(key)}: {name!r} is not a label name")
            said = text(block.at(name), value)
            if operator == "=~":
                said = _closed(said)
            found.append(_built(block.at(name), name, cast(Operator, operator), said))
    entries = items(keys.at(lines), keys.get(lines))
    for index, line in enumerate(entries):
        try:
            found.extend(parse(text(entries.at(index), line)))
        except ConfigError as problem:
            raise ConfigError(f"{entries.at(index)}: {problem}") from None
    return tuple(found)


def _closed(pattern: str) -> str:
    """Alertmanager anchors a regex of `match_re` twice, which tells where `a)|(b` is one."""
    try:
        re2.compile(pattern, options=QUIET)
    except (re2.error, UnicodeError):
        with contextlib.suppress(ConfigError):
            compiled(pattern)
            return f"^(?:{pattern})$"
    return pattern


def _built(where: str, name: str, operator: Operator, value: str) -> Matcher:
    try:
        return Matcher(name, operator, value)
    except ConfigError as problem:
        raise ConfigError(f"{where}: {problem}") from None


def _group_by(keys: Block, parent: Node) -> tuple[str, ...] | None:
    where = keys.at("group_by")
    names = texts(where, keys.get("group_by"))
    labels = [name for name in names if name != "..."]
    for name in labels:
        if not LABEL.fullmatch(name):
            raise ConfigError(f"{where}: {name!r} is not a label name")
    if len(labels) < len(names):
        if labels:
            raise ConfigError(f"{where}: '...' means every label and must stand alone")
        return None
    if len(set(labels)) < len(labels):
        raise ConfigError(f"{where}: a label is named twice")
    return tuple(labels) if labels else parent.group_by


def _span(keys: Block, key: str, inherited: float, *, zero: bool = False) -> float:
    if keys.get(key) is None:
        return inherited
    seconds = duration(keys.at(key), keys[key])
    if not seconds and not zero:
        raise ConfigError(f"{keys.at(key)}: must be more than zero")
    return seconds


def known(block: Block, keys: tuple[str, ...]) -> None:
    """Raises ConfigError for a key nobody knows, with its line and the nearest known one."""
    for key in block:
        if key not in keys:
            raise ConfigError(unknown_key(block.on(key), key, keys))
