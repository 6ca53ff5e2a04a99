"""YAML files of the operator: `${VAR}` substitution, durations, and errors that name the place."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError

_VARIABLE = re.compile(r"\\?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_DURATION = re.compile(r"(?P<count>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h|d|w|y)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode) and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice in one mapping", key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def substitute(value: Any, where: str, environment: Mapping[str, str] | None = None) -> Any:
    """Replace `${VAR}` and `${VAR:-default}` in every string of a parsed document.

    A backslash before the dollar sign is dropped, as in the shell here-documents of guide 2.
    `NAME_FILE` serves for an unset NAME. Raises ConfigError for a variable that is not set.
    """
    names = os.environ if environment is None else environment

    def one(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if names.get(name):
            return names[name]
        if mounted := names.get(f"{name}_FILE"):
            try:
                return Path(mounted).read_text(encoding="utf-8").strip()
            except OSError as problem:
                raise ConfigError(
                    f"{where}: {name}_FILE names {mounted}, which cannot be read: "
                    f"{problem.strerror}"
                ) from problem
        if default is not None:
            return default
        raise ConfigError(
            f"{where}: ${{{name}}} is not set; set {name} or write ${{{name}:-default}}"
        )

    if isinstance(value, str):
        return _VARIABLE.sub(one, value)
    if isinstance(value, list):
        return [substitute(part, where, names) for part in value]
    if isinstance(value, dict):
        return {key: substitute(part, f"{where}: {key}", names) for key, part in value.items()}
    return value


def load_yaml(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A YAML mapping with its variables replaced.

    Raises ConfigError naming the file, and line and column where the YAML itself is broken.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from problem
    return parse_yaml(text, str(path), environment)


def parse_yaml(
    text: str, where: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """As `load_yaml`, from a string; `where` names the source in errors."""
    try:
        replaced = substitute(parse_plain_yaml(text, where), where, environment)
    except RecursionError:
        raise ConfigError(f"{where}: an anchor contains itself; write the value out") from None
    assert isinstance(replaced, dict)
    return replaced


def parse_plain_yaml(text: str, where: str) -> dict[str, Any]:
    """As `parse_yaml`, where a `${VAR}` is text like any other."""
    try:
        document = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigError(f"{place}: not valid YAML: {problem.problem}") from problem
    except yaml.YAMLError as problem:
        raise ConfigError(f"{where}: not valid YAML: {problem}") from problem
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: the top level must be a mapping of names to values")
    return document


def flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def as_mapping(where: str, value: object) -> Mapping[str, Any]:
    """The value, which must be a mapping. Raises ConfigError naming the place."""
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{where}: must be a mapping of names to values")


def as_list(where: str, value: object) -> list[Any]:
    """The value, which must be a list; nothing is an empty one. Raises ConfigError."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise ConfigError(f"{where}: must be a list")


def unknown_key(where: str, key: str, known: Iterable[str]) -> str:
    """The sentence for a key nobody knows, with the nearest known one."""
    return f"{where}: unknown key {key!r}{nearest(key, known)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of such a sentence: the nearest known word, where one is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else ""


def parse_duration(text: str | int | float) -> float:
    """Seconds of a Prometheus duration such as `90s`, `5m`, `1h30m`; a bare number is seconds.

    Raises ConfigError for anything else.
    """
    if isinstance(text, bool):
        raise ConfigError(f"{text!r} is not a duration; write 30s, 5m, 1h or 7d")
    if isinstance(text, int | float):
        return float(text)
    matches = list(_DURATION.finditer(text))
    if not matches or "".join(match[0] for match in matches) != text:
        raise ConfigError(f"{text!r} is not a duration; write 30s, 5m, 1h or 7d")
    return sum(float(match["count"]) * _UNITS[match["unit"]] for match in matches)


def parse_share(setting: str, text: str | float) -> float:
    """A number from 0 to 1. Raises ConfigError, which names the setting, for anything else."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"{setting}: {text!r} is not a share; write 0 to 1, such as 0.1")
    return share


def parse_pairs(setting: str, entries: Iterable[str]) -> dict[str, str]:
    """Entries `name=value` by name; a value may hold `=`, a name not.

    Raises ConfigError, which names the setting, for an entry that is none.
    """
    pairs = {}
    for entry in entries:
        name, sign, value = str(entry).partition("=")
        if not name.strip() or not sign:
            raise ConfigError(f"{setting}: {entry!r} is not name=value")
        pairs[name.strip()] = value.strip()
    return pairs
