"""The folder is the registry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from core.analysis import EngineClass, EngineResult, Mode
from core.errors import BadInput, ConfigError
from engines.base import Engine, PatternEngine
from engines.catalogue import CatalogueError, catalogue, engine_class_of, select
from engines.document import Document


def module_with(name: str, *classes: tuple[str, str]) -> ModuleType:
    module = ModuleType(f"engines.{name}")
    for class_name, engine_name in classes:
        body: dict[str, Any] = {"name": engine_name, "__module__": module.__name__, "rules": ()}
        setattr(module, class_name, type(class_name, (PatternEngine,), body))
    return module


def names(mode: Mode, wanted: Sequence[str] = (), **operator: list[str]) -> list[str]:
    return [engine.name for engine in select(mode, wanted, **operator)]


def test_the_catalogue_names_every_engine_of_the_first_slice() -> None:
    assert set(catalogue()) >= {
        "encoded_payload",
        "instruction_override",
        "invisible_text",
        "jailbreak",
        "personal_data",
        "secrets",
        "transformer_classifier",
    }


def test_the_catalogue_is_made_once() -> None:
    assert catalogue() is catalogue()


def test_making_the_catalogue_imports_no_heavy_library() -> None:
    code = (
        "import sys; from engines.catalogue import catalogue; catalogue();"
        "print(sorted({'torch', 'transformers', 'numpy', 'celery', 'flask', 'sqlalchemy'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_without_an_engine_is_no_engine() -> None:
    assert engine_class_of(module_with("ordinary")) is None


def test_the_bases_are_no_engines() -> None:
    assert engine_class_of(sys.modules["engines.base"]) is None


def test_an_engine_is_known_by_one_word() -> None:
    found = engine_class_of(module_with("odd_words", ("OddWords", "odd_words")))
    assert found is not None
    assert found.name == "odd_words"


@pytest.mark.parametrize(
    "classes",
    [
        [("OddWords", "other")],
        [("Other", "odd_words")],
        [("OddWords", "odd_words"), ("Second", "odd_words")],
    ],
)
def test_a_mismatch_is_refused_loudly(classes: list[tuple[str, str]]) -> None:
    with pytest.raises(CatalogueError, match="odd_words"):
        engine_class_of(module_with("odd_words", *classes))


def test_gpu_engines_are_chosen_in_thorough_mode_only() -> None:
    assert "transformer_classifier" in names(Mode.THOROUGH)
    assert "transformer_classifier" not in names(Mode.BALANCED)
    assert all(engine.engine_class is EngineClass.CPU for engine in select(Mode.FAST))


def test_a_named_engine_runs_whatever_the_mode() -> None:
    assert names(Mode.FAST, ["transformer_classifier"]) == ["transformer_classifier"]


def test_an_unknown_engine_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="did you mean 'jailbreak'") as caught:
        select(Mode.FAST, ["jailbrake"])
    assert caught.value.field == "engines"


def test_a_name_like_none_is_still_refused_with_a_known_name() -> None:
    with pytest.raises(BadInput, match="did you mean"):
        select(Mode.FAST, ["\u4e16"])


def test_the_operator_narrows_the_choice() -> None:
    assert names(Mode.FAST, enabled=["secrets"]) == ["secrets"]
    assert "secrets" not in names(Mode.FAST, disabled=["secrets"])


def test_a_request_cannot_name_a_disabled_engine() -> None:
    with pytest.raises(BadInput, match="disabled"):
        select(Mode.FAST, ["secrets"], disabled=["secrets"])


@pytest.mark.parametrize("setting", ["enabled", "disabled"])
def test_a_setting_with_an_unknown_engine_is_an_error_of_the_setting(setting: str) -> None:
    with pytest.raises(ConfigError, match="_ENGINES"):
        select(Mode.FAST, **{setting: ["secret"]})


def test_loading_happens_once() -> None:
    class Counting(Engine):
        loads = 0

        def load(self) -> None:
            type(self).loads += 1

        def examine(self, document: Document) -> EngineResult:
            raise NotImplementedError

    engine = Counting()
    engine.prepare()
    engine.prepare()
    assert Counting.loads == 1
