"""Costs from the price table: which models it knows, and what operators change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import prices
from core.errors import ConfigError
from core.prices import SHIPPED, Price, Table, read

TABLE = Table(read(SHIPPED))


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4-0613", "gpt-4"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4"),
        ("claude-3-5-sonnet@20241022", "claude-3-5-sonnet"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("models/gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("mistral-large-2411", "mistral-large"),
        ("amazon.nova-pro-v1:0", "nova-pro"),
        ("command-r-08-2024", "command-r"),
        ("o3", "o3"),
    ],
)
def test_dates_revisions_and_routes_do_not_make_another_model(model: str, like: str) -> None:
    assert TABLE.price(model) == read(SHIPPED)[like]


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gpt-4.2", "gpt-50", "claude-opus-4-9", "o3x", "llama", ""]
)
def test_another_model_has_no_price(model: str) -> None:
    assert TABLE.price(model) is None


def test_a_long_name_is_looked_up_at_once() -> None:
    assert TABLE.price("gpt-4" + "-1234-12-12" * 2000 + "x") is None


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({"prompt": 1_000_000, "completion": 0}, 2.5),
        ({"prompt": 1_000_000, "completion": 1_000_000}, 12.5),
        ({"prompt": 1_000_000, "completion": 0, "cached": 1_000_000}, 1.25),
        ({"prompt": 1_000_000, "completion": 0, "cached": 5_000_000}, 1.25),
        ({"prompt": 1_000_000, "completion": None}, None),
        ({"prompt": None, "completion": 10, "total": 20}, None),
        ({"prompt": None, "completion": None}, None),
    ],
)
def test_costs_of_a_call(usage: dict[str, Any], dollars: float | None) -> None:
    assert prices.cost("gpt-4o", **usage) == dollars


def test_a_total_is_enough_for_embeddings() -> None:
    found = prices.cost("text-embedding-3-small", None, None, total=1_000_000)
    assert found == pytest.approx(0.02)


def test_an_own_file_stands_above_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("models: {gpt-4o: {input: 1}, gpt-4: null, house-*: {input: 2, output: 3}}")
    table = Table({**read(SHIPPED), **read(own)})
    assert table.price("gpt-4o") == Price(1, 1, 0)
    assert table.price("gpt-4") is None
    assert table.price("house-of-models") == Price(2, 2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {}", "did you mean 'models'"),
        ("models: {a: {inptu: 1}}", "did you mean 'input'"),
        ("models: {a: {input: cheap}}", "must be US dollars per million tokens"),
        ("models: {a: {input: -1}}", "must be US dollars per million tokens"),
        ("models: {a: {input: .nan}}", "must be US dollars per million tokens"),
        ("models: {a: {output: 1}}", "input is missing"),
        ("models: [a]", "must be a mapping"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read(own)
