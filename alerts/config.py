"""`alerts.yaml`: guide 2's flat routing, and Alertmanager's file, both compiled to one tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from alerts import native, routes
from alerts.document import Block, document, flag, items, mapping, plain, text, texts
from alerts.heartbeat import Heartbeat, heartbeat
from alerts.inhibition import InhibitRule
from alerts.intervals import NamedIntervals, named_intervals
from alerts.matchers import LABEL
from alerts.native import Built, Part
from alerts.native_checks import check_global, checked
from alerts.native_fields import GLOBAL, SHAPES
from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from alerts.routes import known
from alerts.spans import duration
from alerts.tree import Node
from core.configfile import nearest
from core.errors import ConfigError
from core.http import HttpClient

SHIPPED = Path(__file__).with_name("alerts.yaml")

RESOLVE_TIMEOUT = 300.0
"""Seconds after which an alert from outside that has no end counts as resolved."""

_KEYS = (
    "global",
    "routing",
    "route",
    "receivers",
    "inhibit_rules",
    "time_intervals",
    "mute_time_intervals",
    "templates",
    "heartbeat",
)
_RECEIVER_KEYS = ("name", "type", "config", "send_resolved", *SHAPES)
_RULE_KEYS = (
    "source_match",
    "source_match_re",
    "source_matchers",
    "target_match",
    "target_match_re",
    "target_matchers",
    "equal",
)


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """A loaded alerts.yaml.

    A route names a receiver; `parts` says in which ways it tells people, and `receivers` has what
    sends for each. A receiver of one way has that way's name.
    """

    tree: Node
    receivers: Mapping[str, AnyReceiver]
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    intervals: NamedIntervals = field(default_factory=dict)
    inhibitions: tuple[InhibitRule, ...] = ()
    heartbeat: Heartbeat | None = None
    resolve_timeout: float = RESOLVE_TIMEOUT
    warnings: tuple[str, ...] = ()
    source: Block = field(default_factory=lambda: Block("", "", 1), compare=False, repr=False)


def load_alerts(
    path: Path | None = None,
    *,
    http: HttpClient | None = None,
    environment: Mapping[str, str] | None = None,
) -> AlertConfig:
    """The routing and receivers of a file, or of the shipped one that tells nobody.

    `http` is what the receivers send with; by default one that refuses private addresses.
    Raises ConfigError naming file, line, place and key.
    """
    file = path or SHIPPED
    try:
        said = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{file} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{file} is not UTF-8 text; save it as UTF-8") from problem
    return parse_alerts(said, str(file), http=http, environment=environment)


def parse_alerts(
    said: str,
    where: str = "alerts.yaml",
    *,
    http: HttpClient | None = None,
    environment: Mapping[str, str] | None = None,
) -> AlertConfig:
    """As `load_alerts`, from a string; `where` names the source in errors."""
    return _config(document(said, where, environment), http or HttpClient())


def _config(top: Block, http: HttpClient) -> AlertConfig:
    known(top, _KEYS)
    for key in ("routing", "route"):
        if key in top and top[key] is None:
            del top[key]
    if ("routing" in top) == ("route" in top):
        both = "both routing and route given" if "route" in top else "no route given"
        raise ConfigError(f"{top.where}: {both}; write either routing (flat) or route (a tree)")
    defaults = mapping(top.at("global"), top.get("global"))
    checked(defaults, GLOBAL)
    check_global(defaults)
    texts(top.at("templates"), top.get("templates"))
    receivers, parts, warnings = _receivers(top, defaults, http)
    tree = routes.flat(top) if "routing" in top else routes.tree(top)
    intervals = named_intervals(top)
    _demand_defined(top, tree, parts, intervals)
    beat = heartbeat(top)
    if beat is not None and beat.receiver not in parts:
        raise ConfigError(_undefined(top["heartbeat"].at("receiver"), beat.receiver, parts))
    timeout = defaults.get("resolve_timeout")
    return AlertConfig(
        tree=tree,
        receivers=MappingProxyType(receivers),
        parts=MappingProxyType(parts),
        intervals=intervals,
        inhibitions=tuple(_inhibitions(top)),
        heartbeat=beat,
        resolve_timeout=RESOLVE_TIMEOUT
        if timeout is None
        else duration(defaults.at("resolve_timeout"), timeout),
        warnings=tuple(warnings),
        source=top,
    )


def _receivers(
    top: Block, defaults: Block, http: HttpClient
) -> tuple[dict[str, AnyReceiver], dict[str, tuple[Part, ...]], list[str]]:
    receivers: dict[str, AnyReceiver] = {}
    parts: dict[str, tuple[Part, ...]] = {}
    warnings: list[str] = []
    entries = items(top.at("receivers"), top.get("receivers"))
    for index, entry in enumerate(entries):
        block = mapping(entries.at(index), entry)
        name = text(block.at("name"), block.get("name"))
        if not name:
            raise ConfigError(f"{entries.at(index)}: name: missing; every receiver needs one")
        block.path = f"{block.path} {name!r}"
        known(block, _RECEIVER_KEYS)
        if name in parts:
            raise ConfigError(f"{block.place}: name used twice; make it unique")
        made = list(_built(block, name, "routing" in top, defaults, http))
        for one in made:
            if one.part.name in receivers:
                raise ConfigError(f"{block.place}: its part {one.part.name!r} bears a used name")
            receivers[one.part.name] = one.receiver
            warnings += one.warnings
        parts[name] = tuple(one.part for one in made)
    return receivers, parts, warnings


def _built(
    block: Block, name: str, is_flat: bool, defaults: Block, http: HttpClient
) -> Iterable[Built]:
    ours = "type" in block or "config" in block
    if foreign := [key for key in SHAPES if block.get(key)]:
        if ours:
            raise ConfigError(f"{block.place}: write either type and config or {foreign[0]}")
        return list(native.built(block, defaults, http))
    resolved = block.get("send_resolved")
    told = True if resolved is None else flag(block.at("send_resolved"), resolved)
    kind = plain(block.get("type"))
    if kind is None and not is_flat and not block.get("config"):
        kind = "nowhere"
    where = block.on("config") if "config" in block else block.place
    receiver = make(where, name, kind, plain(block.get("config")), http)
    return [Built(Part(name, told), receiver)]


def _demand_defined(
    top: Block, tree: Node, parts: Mapping[str, object], intervals: NamedIntervals
) -> None:
    for node in tree.walk():
        for name in (*node.receivers, *node.escalate_to):
            if name not in parts:
                raise ConfigError(_undefined(_where(top, node), name, parts))
        for name in (*node.mute, *node.active):
            if name not in intervals:
                hint = nearest(name, intervals)
                raise ConfigError(f"{_where(top, node)}: no time interval is named {name!r}{hint}")


def _where(top: Block, node: Node) -> str:
    """The place of a node's mapping in the file."""
    here: object = top
    for word in node.place.replace("]", "").replace("[", ".").split("."):
        if isinstance(here, Block):
            here = here.get(word)
        elif isinstance(here, list):
            here = here[int(word)]
    return here.place if isinstance(here, Block) else f"{top.where}: {node.place}"


def _undefined(where: str, name: str, receivers: Iterable[str]) -> str:
    return f"{where}: no receiver is named {name!r}{nearest(name, receivers)}"


def _inhibitions(top: Block) -> Iterable[InhibitRule]:
    entries = items(top.at("inhibit_rules"), top.get("inhibit_rules"))
    for index, entry in enumerate(entries):
        rule = mapping(entries.at(index), entry)
        known(rule, _RULE_KEYS)
        equal = texts(rule.at("equal"), rule.get("equal"))
        for name in equal:
            if not LABEL.fullmatch(name):
                raise ConfigError(f"{rule.at('equal')}: {name!r} is not a label name")
        sides = [
            routes.matchers(rule, f"{side}_match", f"{side}_match_re", f"{side}_matchers")
            for side in ("source", "target")
        ]
        yield InhibitRule(f"inhibit_rules[{index}]", sides[0], sides[1], equal)
