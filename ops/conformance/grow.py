"""Random routing trees, label sets and configurations, each from its seed."""

from __future__ import annotations

import random
from typing import Any

NAMES = ("severity", "app", "team", "env", "a_b", "_x")
VALUES = (
    "critical", "warning", "info", "shop", "shop-2", "web", "db", "eu", "us", "", "a b", "x,y",
    "it's", 'say "hi"', "back\\slash", "{brace}", "=~", "Ünïcode", "日本", "1", "1.50", "yes",
    "line\nbreak", "tab\tend", "$1", "(", "*",
)  # fmt: skip
PATTERNS = (
    "critical|warning", "crit.*", ".*", ".+", "", "shop(-[0-9]+)?", "(?i)CRITICAL", "[a-z]+",
    "w.b", "a b", "\\d", "\\w+", "eu|", "|us", "(a|b)(c)?", "x,y", "[^s].*", "^critical$",
    "\\pL+", ".{3}", "a{0,2}b*", "(?s).*", "[[:alpha:]]+", "1\\.50", "\\Q(\\E", "a)|(b",
)  # fmt: skip
OPERATORS = ("=", "!=", "=~", "!~")


def labels(chance: random.Random) -> dict[str, str]:
    """One to five labels, some of which no route asks for."""
    names = chance.sample((*NAMES, "other"), chance.randint(1, 5))
    return {name: chance.choice(VALUES) for name in names}


def quoted(value: str) -> str:
    """As in a matcher's double quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def matcher(chance: random.Random) -> str:
    """One matcher in one of the ways in which people write them."""
    name, operator = chance.choice(NAMES), chance.choice(OPERATORS)
    value = chance.choice(PATTERNS if "~" in operator else VALUES)
    bare = chance.random() < 0.25 and not set(value) & set('",\n{}') and value == value.strip()
    space = chance.choice(("", "", "", " "))
    said = value if bare else quoted(value)
    return f"{name}{space}{operator}{space}{said}"


def conditions(chance: random.Random) -> dict[str, Any]:
    """Keys `match`, `match_re` and `matchers` of a route; sometimes none."""
    found: dict[str, Any] = {}
    kind = chance.random()
    if kind < 0.3:
        found["match"] = {chance.choice(NAMES): chance.choice(VALUES)}
    if 0.2 < kind < 0.4:
        found["match_re"] = {chance.choice(NAMES): chance.choice(PATTERNS)}
    if kind > 0.35:
        lines = [matcher(chance) for _ in range(chance.choice((1, 1, 1, 2)))]
        if chance.random() < 0.2:
            lines = ["{" + ", ".join(lines) + "}"]
        found["matchers"] = lines
    return found


def route(chance: random.Random, receivers: list[str], depth: int = 0) -> dict[str, Any]:
    """A route with children down to a depth of four; `receivers` gets the names it uses."""
    made: dict[str, Any] = conditions(chance) if depth else {}
    if depth == 0 or chance.random() < 0.75:
        made["receiver"] = chance.choice(receivers)
    if depth and chance.random() < 0.35:
        made["continue"] = True
    if depth < 4:
        width = chance.choice((0, 1, 2, 2, 3, 4) if depth < 2 else (0, 0, 1, 2))
        if width:
            made["routes"] = [route(chance, receivers, depth + 1) for _ in range(width)]
    return made


def tree(seed: int, mark: str) -> tuple[dict[str, Any], list[str]]:
    """A routing tree and the receivers it uses, whose names begin with `mark`."""
    chance = random.Random(seed)
    receivers = [f"{mark}-{letter}" for letter in "abcdef"]
    return route(chance, receivers), receivers
