"""YAML whose every part knows its file, line and path, and keeps each scalar as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from core.configfile import substitute
from core.errors import ConfigError

_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TAGS = "tag:yaml.org,2002:"
_BOOLEANS = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False
    ),
}


class Text(str):
    """A scalar as written; `tag` is what YAML takes it for: str, int, bool, float, …"""

    tag: str

    def __new__(cls, value: str, tag: str = "str") -> Text:
        made = super().__new__(cls, value)
        made.tag = tag
        return made


class Block(dict[str, Any]):
    """A mapping; `at` names the place of a key for an error."""

    def __init__(self, where: str, path: str, line: int) -> None:
        super().__init__()
        self.where, self.path, self.line = where, path, line
        self.lines: dict[str, int] = {}

    @property
    def place(self) -> str:
        """The place of the mapping itself."""
        return _place(self.where, self.path, self.line)

    def at(self, key: str) -> str:
        """The place of a key, or of the mapping where the key is missing."""
        return f"{_place(self.where, self.path, self.lines.get(key, self.line))}: {key}"

    def on(self, key: str) -> str:
        """As `place`, with the line of a key."""
        return _place(self.where, self.path, self.lines.get(key, self.line))


class Items(list[Any]):
    """A list; `at` names the place of an item for an error."""

    def __init__(self, where: str, path: str, line: int) -> None:
        super().__init__()
        self.where, self.path, self.line = where, path, line
        self.lines: list[int] = []

    def at(self, index: int) -> str:
        """The place of an item."""
        return _place(self.where, f"{self.path}[{index}]", self.lines[index])


def _place(where: str, path: str, line: int) -> str:
    return f"{where}:{line}: {path}" if path else f"{where}:{line}"


def document(text: str, where: str, environment: Mapping[str, str] | None = None) -> Block:
    """The mapping that a YAML text holds, its variables replaced; empty for an empty text.

    Scalars are `Text`, mappings `Block`, lists `Items`, nulls None.
    Raises ConfigError naming file and line, for an unset variable and a key that stands twice too.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None or node.tag == f"{_TAGS}null":
            return Block(where, "", 1)
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{where}: the top level must be a mapping of names to values")
        return _Builder(where, environment).mapping(node, "")
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigError(f"{place}: not valid YAML: {problem.problem}") from problem
    except yaml.YAMLError as problem:
        raise ConfigError(f"{where}: not valid YAML: {problem}") from problem
    except RecursionError:
        raise ConfigError(f"{where}: an anchor contains itself; write the value out") from None


class _Builder:
    def __init__(self, where: str, environment: Mapping[str, str] | None) -> None:
        self.where, self.environment = where, environment

    def value(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = Items(self.where, path, _line(node))
            for index, child in enumerate(node.value):
                items.append(self.value(child, f"{path}[{index}]"))
                items.lines.append(_line(child))
            return items
        tag = node.tag.removeprefix(_TAGS)
        if tag == "null":
            return None
        place = _place(self.where, path, _line(node))
        told = substitute(str(node.value), place, self.environment)
        return Text(told, tag if told == node.value else "str")

    def mapping(self, node: yaml.MappingNode, path: str) -> Block:
        _once(node)
        _CONSTRUCTOR.flatten_mapping(node)
        block = Block(self.where, path, _line(node))
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                place = _place(self.where, path, _line(key))
                raise ConfigError(f"{place}: a key must be a text; mend this line")
            name = str(key.value)
            block[name] = self.value(child, f"{path}.{name}" if path else name)
            block.lines[name] = _line(key)
        return block


def _once(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice in one mapping", key.start_mark
                )
            seen.add(key.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def plain(value: Any) -> Any:
    """Ordinary values for whoever checks types by himself: numbers, booleans, texts."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, Text) or value.tag == "str":
        return None if value is None else str(value)
    if value.tag == "bool":
        return _BOOLEANS[value]
    return _CONSTRUCTOR.construct_document(yaml.ScalarNode(f"{_TAGS}{value.tag}", str(value)))


def mapping(where: str, value: object) -> Block:
    """The value, which must be a mapping; nothing is an empty one. Raises ConfigError."""
    if value is None:
        return Block(where, "", 0)
    if isinstance(value, Block):
        return value
    raise ConfigError(f"{where}: must be a mapping of names to values")


def items(where: str, value: object) -> Items:
    """The value, which must be a list; nothing is an empty one. Raises ConfigError."""
    if value is None:
        return Items(where, "", 0)
    if isinstance(value, Items):
        return value
    raise ConfigError(f"{where}: must be a list")


def text(where: str, value: object) -> str:
    """The value, which must be a scalar; nothing is the empty text. Raises ConfigError."""
    if value is None:
        return ""
    if isinstance(value, Text):
        return str(value)
    raise ConfigError(f"{where}: must be a text")


def texts(where: str, value: object) -> tuple[str, ...]:
    """The value, which must be a list of scalars. Raises ConfigError."""
    return tuple(text(f"{where}[{index}]", one) for index, one in enumerate(items(where, value)))


def flag(where: str, value: object) -> bool:
    """The value, which must be a boolean; nothing is false. Raises ConfigError."""
    if value is None:
        return False
    if isinstance(value, Text) and (value.tag == "bool" or value in ("y", "Y", "n", "N")):
        return _BOOLEANS[value]
    raise ConfigError(f"{where}: must be true or false")
