"""What a call costs by the price table, for events whose sender gives no cost.

`core/prices.yaml` holds list prices as of its date; PRICES_FILE names a file of the same form whose
entries stand above the shipped ones.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.configfile import as_mapping, load_yaml, unknown_key
from core.errors import ConfigError
from core.settings import settings

SHIPPED = Path(__file__).with_name("prices.yaml")
_MILLION = 1_000_000
_KEYS = ("input", "cached_input", "output")
_ROUTE = re.compile(r"(?:[a-z]{2,6}\.)?(?:anthropic|amazon|meta|mistral|cohere|deepseek|openai)\.")
_VERSION = re.compile(
    r"(?:[-@:](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{2}-\d{4}|\d{2}-\d{2}|\d{3,4}|latest|preview|exp"
    r"|v\d+(?::\d+)?))*+"
)
"""What may follow a model's name without making it another model: dates and revisions."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    cached_input: float
    output: float


class Table:
    """Prices by model name; a name that ends in `*` stands for all that begin like it."""

    def __init__(self, prices: Mapping[str, Price | None]) -> None:
        self._prices = prices
        self._names = sorted(prices, key=lambda one: len(one.rstrip("*")), reverse=True)
        self._cached = functools.lru_cache(4096)(self._look)

    def price(self, model: str) -> Price | None:
        """The price of the longest name that fits, None where none is known."""
        return self._cached(model)

    def _look(self, model: str) -> Price | None:
        plain = _ROUTE.sub("", model.lower().rpartition("/")[2], count=1)
        for name in self._names:
            stem = name.rstrip("*")
            if plain.startswith(stem) and (
                name.endswith("*") or _VERSION.fullmatch(plain, len(stem))
            ):
                return self._prices[name]
        return None


def cost(
    model: str,
    prompt: int | None,
    completion: int | None,
    *,
    total: int | None = None,
    cached: int | None = None,
) -> float | None:
    """US dollars of one call, None where its price or its tokens are not known.

    `cached` tokens are part of `prompt`. A total alone is enough for embeddings, whose output costs
    nothing.
    """
    if prompt is None and total is None:
        return None
    price = table().price(model)
    if price is None:
        return None
    if prompt is None and price.output == 0:
        prompt = total
    if prompt is None or (completion is None and price.output > 0):
        return None
    read = min(cached or 0, prompt)
    dollars = (prompt - read) * price.input + read * price.cached_input
    return round((dollars + (completion or 0) * price.output) / _MILLION, 12)


@functools.cache
def table() -> Table:
    """The prices of this process, read once. Raises ConfigError naming what to mend."""
    own = settings().prices_file
    return Table({**read(SHIPPED), **(read(own) if own else {})})


def read(path: Path) -> dict[str, Price | None]:
    """The prices of a file; null says that a model has no known price. Raises ConfigError."""
    document = load_yaml(path)
    for key in document:
        if key not in ("as_of", "models"):
            raise ConfigError(unknown_key(str(path), key, ("as_of", "models")))
    models = as_mapping(f"{path}: models", document.get("models", {}))
    return {str(name).lower(): _price(f"{path}: {name}", value) for name, value in models.items()}


def _price(where: str, value: Any) -> Price | None:
    if value is None:
        return None
    entry = as_mapping(where, value)
    for key, amount in entry.items():
        if key not in _KEYS:
            raise ConfigError(unknown_key(where, key, _KEYS))
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not amount >= 0:
            raise ConfigError(f"{where}: {key} must be US dollars per million tokens, 0 or more")
    if "input" not in entry:
        raise ConfigError(f"{where}: input is missing; give US dollars per million tokens")
    given = float(entry["input"])
    return Price(given, float(entry.get("cached_input", given)), float(entry.get("output", 0.0)))
