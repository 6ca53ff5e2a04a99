"""`detectors.yaml` as checked entries; every error names the file, the detector and the key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from core.configfile import as_list, as_mapping, load_yaml, parse_duration, parse_yaml, unknown_key
from core.errors import ConfigError
from detectors.base import COMMON_KEYS, SEVERITIES, Action, Detector, DetectorSpec, Number
from detectors.metrics import DIMENSIONS, METRICS, Direction
from detectors.registry import detector, strategies, types

SHIPPED = Path(__file__).with_name("detectors.yaml")

_ENTRY_KEYS = ("id", "name", "type", "enabled", "config", "actions")
_ACTION_KEYS = ("alert", "severity", "annotations")


def load_detectors(
    path: Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[DetectorSpec, ...]:
    """The entries of a file, or of the shipped one. Raises ConfigError naming what to mend."""
    file = path or SHIPPED
    return _document(load_yaml(file, environment), str(file))


def parse_detectors(
    text: str, where: str = "detectors.yaml", environment: Mapping[str, str] | None = None
) -> tuple[DetectorSpec, ...]:
    """As `load_detectors`, from a string; `where` names the source in errors."""
    return _document(parse_yaml(text, where, environment), where)


def _document(document: dict[str, Any], where: str) -> tuple[DetectorSpec, ...]:
    _known(where, document, ("detectors",))
    specs: dict[str, DetectorSpec] = {}
    for place, entry in enumerate(as_list(f"{where}: detectors", document.get("detectors"))):
        named = as_mapping(f"{where}: detectors[{place}]", entry)
        spec = _entry(named, f"{where}: detectors[{place}]", where)
        if spec.id in specs:
            raise ConfigError(f"{where}: detector {spec.id!r}: id: used twice; ids must be unique")
        specs[spec.id] = spec
    return tuple(specs.values())


def _entry(entry: Mapping[str, Any], place: str, file: str) -> DetectorSpec:
    identity = _text(f"{place}: id", entry.get("id"))
    where = f"{file}: detector {identity!r}"
    _known(where, entry, _ENTRY_KEYS)
    kind = _word(f"{where}: type", "type", entry.get("type"), types())
    config = as_mapping(f"{where}: config", entry.get("config"))
    name = kind
    if strategies(kind) != ("",):
        name = _word(f"{where}: strategy", "strategy", config.get("strategy"), strategies(kind))
    plug = detector(name)
    spec = _spec(where, identity, entry, config, plug)
    try:
        plug.check(spec)
    except ConfigError as problem:
        raise ConfigError(f"{where}: {problem}") from None
    return spec


def _spec(
    where: str, identity: str, entry: Mapping[str, Any], config: Mapping[str, Any], plug: Detector
) -> DetectorSpec:
    strategy = ("strategy",) if plug.strategy else ()
    hold = ("for",) if plug.holds else ()
    _known(where, config, [*sorted(COMMON_KEYS), *plug.options, *plug.numbers, *strategy, *hold])
    metric = METRICS[_word(f"{where}: metric", "metric", config.get("metric"), METRICS)]
    words: dict[str, str] = {}
    for key, allowed in plug.options.items():
        if key in config or key in plug.required:
            words[key] = _word(f"{where}: {key}", key, config.get(key), allowed)
    threshold, floor = _threshold(f"{where}: threshold", config.get("threshold", plug.threshold))
    statistic = config.get("statistic", metric.default)
    return DetectorSpec(
        id=identity,
        name=_text(f"{where}: name", entry.get("name", identity)),
        type=plug.type,
        strategy=plug.strategy,
        enabled=_flag(f"{where}: enabled", entry.get("enabled", True)),
        metric=metric.name,
        statistic=_word(f"{where}: statistic", "statistic", statistic, metric.statistics),
        window=_window(f"{where}: window", config.get("window")),
        threshold=threshold,
        floor=floor,
        condition=words.get("condition", ""),
        direction=cast(Direction, words.get("direction", metric.direction)),
        seasonality=words.get("seasonality", ""),
        scale=words.get("scale", "linear"),
        hold=_seconds(f"{where}: for", config.get("for", 0), 0, 31 * 86400),
        no_data=words.get("no_data", "ok"),
        numbers={
            key: _tuned(f"{where}: {key}", config[key], number)
            for key, number in plug.numbers.items()
            if key in config
        },
        min_samples=_count(f"{where}: min_samples", config.get("min_samples", plug.min_samples)),
        group_by=_groups(f"{where}: group_by", config.get("group_by")),
        actions=_actions(f"{where}: actions", entry.get("actions")),
    )


def _known(where: str, mapping: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in mapping:
        if key not in known:
            raise ConfigError(unknown_key(where, str(key), known))


def _word(where: str, kind: str, value: object, known: Iterable[str]) -> str:
    words = list(known)
    if isinstance(value, str) and value in words:
        return value
    if value is None:
        raise ConfigError(f"{where}: missing; write one of {', '.join(words)}")
    near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(words)}"
    raise ConfigError(f"{where}: unknown {kind} {value!r}; {hint}")


def _text(where: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise ConfigError(f"{where}: must be a non-empty text")


def _flag(where: str, value: object) -> bool:
    spelled = {"true": True, "false": False}
    if isinstance(value, str):
        value = spelled.get(value.lower())
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{where}: must be true or false")


def _number(where: str, value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ConfigError(f"{where}: must be a number")


def _threshold(where: str, value: object) -> tuple[float, float | None]:
    if value is None:
        raise ConfigError(f"{where}: missing; write a number")
    if not isinstance(value, list):
        return _number(where, value), None
    if len(value) != 2:
        raise ConfigError(f"{where}: must be one number, or [low, high] for outside")
    return _number(where, value[1]), _number(where, value[0])


def _count(where: str, value: object) -> int:
    number = _number(where, value)
    if number < 1 or number != int(number):
        raise ConfigError(f"{where}: must be a whole number from 1")
    return int(number)


def _window(where: str, value: object) -> float:
    return _seconds(where, value, 1, 31 * 86400)


def _seconds(where: str, value: object, low: float, high: float) -> float:
    if not isinstance(value, str | int | float):
        raise ConfigError(f"{where}: missing; write a duration such as 5m")
    try:
        seconds = parse_duration(value)
    except ConfigError as problem:
        raise ConfigError(f"{where}: {problem}") from None
    except OverflowError:
        seconds = math.inf
    if not (math.isfinite(seconds) and low <= seconds <= high):
        raise ConfigError(f"{where}: must be between {_duration(low)} and {_duration(high)}")
    return seconds


def _duration(seconds: float) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _tuned(where: str, value: object, number: Number) -> float:
    if number.seconds:
        return _seconds(where, value, number.low, number.high)
    found = _number(where, value)
    if not number.low <= found <= number.high:
        raise ConfigError(f"{where}: must be between {number.low:g} and {number.high:g}")
    return found


def _groups(where: str, value: object) -> tuple[str, ...]:
    names = [_word(where, "dimension", item, DIMENSIONS) for item in as_list(where, value)]
    return tuple(dict.fromkeys(DIMENSIONS[name] for name in names))


def _actions(where: str, value: object) -> tuple[Action, ...]:
    found = []
    for place, item in enumerate(as_list(where, value)):
        here = f"{where}[{place}]"
        action = as_mapping(here, item)
        _known(here, action, _ACTION_KEYS)
        severity = _word(f"{here}: severity", "severity", action.get("severity"), SEVERITIES)
        alert = _text(f"{here}: alert", action.get("alert"))
        told = _annotations(f"{here}: annotations", action.get("annotations"))
        found.append(Action(alert, severity, told))
    return tuple(found)


def _annotations(where: str, value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    return {
        _text(where, name): _text(f"{where}: {name}", text)
        for name, text in as_mapping(where, value).items()
    }
