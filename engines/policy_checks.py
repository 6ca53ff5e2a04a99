"""Checks of single values in a policy file; each error names the place and what to write."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any

from core.configfile import as_list, unknown_key
from core.errors import ConfigError


def one_of(where: str, kind: str, value: object, known: Collection[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value), list(known), n=1, cutoff=0)
    raise ConfigError(f"{where}: there is no {kind} {value!r}; did you mean {near[0]!r}?")


def demand_known(where: str, mapping: Mapping[str, Any], known: Collection[str]) -> None:
    for key in mapping:
        if key not in known:
            raise ConfigError(unknown_key(where, str(key), known))


def words(where: str, value: object) -> tuple[str, ...]:
    given = as_list(where, value)
    for word in given:
        if not isinstance(word, str) or not word or len(word) > 256:
            raise ConfigError(f"{where}: must be a list of words")
    return tuple(dict.fromkeys(given))


def text(where: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: must be a text; put it in quotes")
    if len(value) > most or "\x00" in value:
        raise ConfigError(f"{where}: must have at most {most} characters and no NUL")
    return value


def flag(where: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{where}: must be true or false")


def share(where: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and 0 <= number <= 1:
            return number
    raise ConfigError(f"{where}: must be a number from 0 to 1")
