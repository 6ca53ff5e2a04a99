"""`alerts.yaml`: guide 2's flat routing and Alertmanager's tree, both compiled to one tree."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from alerts.matchers import LABEL, Matcher, Operator, parse, written
from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from alerts.tree import Node
from core.configfile import as_list, as_mapping, load_yaml, parse_duration, parse_yaml, unknown_key
from core.errors import ConfigError
from core.http import HttpClient

SHIPPED = Path(__file__).with_name("alerts.yaml")

FLAT = Node("routing", "{}", (), (), False, ("alertname",), 0.0, 10.0, 4 * 3600.0)
"""Defaults of the flat form: tell people at once, gather what follows for ten seconds."""

TREE = Node("route", "{}", (), (), False, (), 30.0, 300.0, 4 * 3600.0)
"""Defaults of the tree: Alertmanager's own."""

LONGEST = 10 * 365 * 86400
"""Longest duration of a route, in seconds."""

_LATER = {
    "inhibit_rules": "one alert does not mute another yet",
    "time_intervals": "routes have no times of day yet",
    "mute_time_intervals": "routes have no times of day yet",
    "active_time_intervals": "routes have no times of day yet",
    "templates": "messages have no templates yet",
    "global": "each receiver carries its own settings in config",
    **dict.fromkeys(
        ("email_configs", "slack_configs", "webhook_configs", "pagerduty_configs"),
        "a receiver is written as type and config",
    ),
}
_COMMON = (
    "match",
    "match_re",
    "matchers",
    "continue",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
)
_FLAT_KEYS = (*_COMMON, "receivers")
_ROUTE_KEYS = (*_COMMON, "receiver", "routes")
_RECEIVER_KEYS = ("name", "type", "config")
_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?|0")


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """A loaded alerts.yaml."""

    tree: Node
    receivers: Mapping[str, AnyReceiver]


def load_alerts(
    path: Path | None = None,
    *,
    http: HttpClient | None = None,
    environment: Mapping[str, str] | None = None,
) -> AlertConfig:
    """The routing and receivers of a file, or of the shipped one that tells nobody.

    `http` is what the receivers send with; by default one that refuses private addresses.
    Raises ConfigError naming file, place and key.
    """
    file = path or SHIPPED
    return _document(load_yaml(file, environment), str(file), http)


def parse_alerts(
    text: str,
    where: str = "alerts.yaml",
    *,
    http: HttpClient | None = None,
    environment: Mapping[str, str] | None = None,
) -> AlertConfig:
    """As `load_alerts`, from a string; `where` names the source in errors."""
    return _document(parse_yaml(text, where, environment), where, http)


def _document(document: dict[str, Any], where: str, http: HttpClient | None) -> AlertConfig:
    _known(where, document, ("routing", "route", "receivers"))
    if ("routing" in document) == ("route" in document):
        both = "both routing and route given" if "route" in document else "no route given"
        raise ConfigError(f"{where}: {both}; write either routing (flat) or route (a tree)")
    flat = "routing" in document
    http = http or HttpClient()
    receivers: dict[str, AnyReceiver] = {}
    for place, entry in enumerate(as_list(f"{where}: receivers", document.get("receivers"))):
        one = _receiver(f"{where}: receivers[{place}]", entry, flat, http)
        if one.name in receivers:
            raise ConfigError(f"{where}: receiver {one.name!r}: name used twice; make it unique")
        receivers[one.name] = one
    tree = _flat(document["routing"], where) if flat else _tree(document["route"], where)
    for node in tree.walk():
        for name in node.receivers:
            if name not in receivers:
                raise ConfigError(_undefined(f"{where}: {node.place}", name, receivers))
    return AlertConfig(tree, MappingProxyType(receivers))


def _undefined(where: str, name: str, receivers: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(receivers), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{where}: no receiver is named {name!r}{hint}"


def _receiver(where: str, entry: object, flat: bool, http: HttpClient) -> AnyReceiver:
    keys = as_mapping(where, entry)
    name = keys.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: name: missing; every receiver needs one")
    here = f"{where} {name!r}"
    _known(here, keys, _RECEIVER_KEYS)
    kind = keys.get("type")
    if kind is None and not flat and not keys.get("config"):
        kind = "nowhere"
    return make(here, name, kind, keys.get("config"), http)


def _flat(entries: object, where: str) -> Node:
    place = f"{where}: routing"
    children = []
    for index, entry in enumerate(as_list(place, entries)):
        here = f"{place}[{index}]"
        keys = as_mapping(here, entry)
        _known(here, keys, _FLAT_KEYS)
        names = as_list(f"{here}: receivers", keys.get("receivers"))
        if not names or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"{here}: receivers: must list at least one name")
        if len(set(names)) < len(names):
            raise ConfigError(f"{here}: receivers: a name is listed twice")
        node = _node(where, f"routing[{index}]", keys, FLAT)
        children.append(replace(node, receivers=tuple(names)))
    return replace(FLAT, routes=_distinct(children))


def _tree(route: object, where: str) -> Node:
    here = f"{where}: route"
    root = as_mapping(here, route)
    if not root.get("receiver"):
        raise ConfigError(f"{here}: receiver: missing; the root names the default receiver")
    for key in ("match", "match_re", "matchers", "continue"):
        if root.get(key):
            raise ConfigError(f"{here}: {key}: not allowed on the root, which takes everything")
    return _route(where, "route", root, TREE)


def _route(where: str, place: str, route: object, parent: Node) -> Node:
    here = f"{where}: {place}"
    keys = as_mapping(here, route)
    _known(here, keys, _ROUTE_KEYS)
    node = _node(where, place, keys, parent)
    receiver = keys.get("receiver")
    if receiver:
        node = replace(node, receivers=(_scalar(f"{here}: receiver", receiver),))
    if parent is TREE:
        node = replace(node, path="{}")
    below = as_list(f"{here}: routes", keys.get("routes"))
    children = [_route(where, f"{place}.routes[{i}]", one, node) for i, one in enumerate(below)]
    return replace(node, routes=_distinct(children))


def _node(where: str, place: str, keys: Mapping[str, Any], parent: Node) -> Node:
    """A node with its own keys laid over what it inherits."""
    here = f"{where}: {place}"
    matchers = _matchers(here, keys)
    group_by = parent.group_by
    if names := as_list(f"{here}: group_by", keys.get("group_by")):
        group_by = _group_by(f"{here}: group_by", names)
    return Node(
        place=place,
        path=f"{parent.path}/{written(matchers)}",
        receivers=parent.receivers,
        matchers=matchers,
        goes_on=_flag(f"{here}: continue", keys.get("continue")),
        group_by=group_by,
        group_wait=_duration(here, "group_wait", keys, parent.group_wait, zero=True),
        group_interval=_duration(here, "group_interval", keys, parent.group_interval),
        repeat_interval=_duration(here, "repeat_interval", keys, parent.repeat_interval),
    )


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


def _matchers(here: str, keys: Mapping[str, Any]) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for key, operator in (("match", "="), ("match_re", "=~")):
        for name, value in as_mapping(f"{here}: {key}", keys.get(key) or {}).items():
            if not isinstance(name, str) or not LABEL.fullmatch(name):
                raise ConfigError(f"{here}: {key}: {name!r} is not a label name")
            text = _scalar(f"{here}: {key}: {name}", value)
            found.append(_built(f"{here}: {key}: {name}", name, cast(Operator, operator), text))
    for line in as_list(f"{here}: matchers", keys.get("matchers")):
        if not isinstance(line, str):
            raise ConfigError(f'{here}: matchers: each must be a text such as severity="critical"')
        try:
            found.extend(parse(line))
        except ConfigError as problem:
            raise ConfigError(f"{here}: matchers: {problem}") from None
    return tuple(found)


def _built(where: str, name: str, operator: Operator, value: str) -> Matcher:
    try:
        return Matcher(name, operator, value)
    except ConfigError as problem:
        raise ConfigError(f"{where}: {problem}") from None


def _group_by(where: str, names: list[Any]) -> tuple[str, ...] | None:
    if "..." in names:
        if len(names) > 1:
            raise ConfigError(f"{where}: '...' means every label and must stand alone")
        return None
    for name in names:
        if not isinstance(name, str) or not LABEL.fullmatch(name):
            raise ConfigError(f"{where}: {name!r} is not a label name")
    if len(set(names)) < len(names):
        raise ConfigError(f"{where}: a label is named twice")
    return tuple(names)


def _known(where: str, mapping: Mapping[str, Any], known: Iterable[str]) -> None:
    for key, value in mapping.items():
        if key in _LATER:
            if value:
                raise ConfigError(f"{where}: {key}: not supported, {_LATER[key]}; remove it")
        elif key not in known:
            raise ConfigError(unknown_key(where, str(key), known))


def _flag(where: str, value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ConfigError(f"{where}: must be true or false")


def _scalar(where: str, value: object) -> str:
    """A text; a whole number is taken as written, what YAML may have rewritten is refused."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{where}: must be a text; put the value in quotes")


def _duration(
    here: str, key: str, keys: Mapping[str, Any], inherited: float, *, zero: bool = False
) -> float:
    value = keys.get(key)
    if value is None:
        return inherited
    if not isinstance(value, str) or not value or not _DURATION.fullmatch(value):
        raise ConfigError(f"{here}: {key}: {value!r} is not a duration; write 30s, 5m, 1h30m or 7d")
    seconds = 0.0 if value == "0" else parse_duration(value)
    if not seconds and not zero:
        raise ConfigError(f"{here}: {key}: must be more than zero")
    if seconds > LONGEST:
        raise ConfigError(f"{here}: {key}: must not be longer than ten years")
    return seconds
