"""The GPU engine, with a tiny model that is made and taught here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.analysis import Content, EngineResult, Outcome
from core.errors import ConfigError
from core.settings import load
from engines.catalogue import catalogue
from engines.document import Document
from engines.runner import run
from engines.transformer_classifier import TransformerClassifier
from tests.tiny_model import ATTACK, FILLER, HARMLESS, make_model


def test_without_a_model_it_is_skipped_and_says_why() -> None:
    result = run([TransformerClassifier(load(gpu_model=""))], [Content(text="x")])[0][0]
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, "GPU_MODEL is not set")


def test_a_model_without_its_libraries_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run([TransformerClassifier(load(gpu_model="some/model"))], [Content(text="x")])[0][0]
    assert result.outcome is Outcome.FAILURE
    assert "install [gpu]" in result.reason


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def engine(model: Path) -> TransformerClassifier:
    return TransformerClassifier(load(gpu_model=str(model)))


def judged(engine: TransformerClassifier, **fields: Any) -> EngineResult:
    return run([engine], [Content(**fields)])[0][0]


def test_it_flags_and_passes_what_its_manual_says(engine: TransformerClassifier) -> None:
    manual = sys.modules[TransformerClassifier.__module__].__doc__ or ""
    assert f"Flags: {ATTACK}" in manual
    assert f"Passes: {HARMLESS}" in manual
    assert judged(engine, text=ATTACK).outcome is Outcome.FLAGGED
    assert judged(engine, text=HARMLESS).outcome is Outcome.CLEAN


def test_its_finding_names_label_score_and_place(engine: TransformerClassifier) -> None:
    (finding,) = judged(engine, text=HARMLESS, documents=("the cat", ATTACK)).findings
    assert (finding.field, finding.label) == ("documents[1]", "INJECTION")
    assert 0.5 <= finding.score <= 1
    assert finding.spans == ((0, len(ATTACK)),)


@pytest.mark.parametrize("place", [0, 7, 40])
def test_an_attack_deep_in_a_long_text_is_found_where_it_stands(
    engine: TransformerClassifier, place: int
) -> None:
    text = FILLER * place + ATTACK + " " + FILLER * (40 - place)
    (finding,) = judged(engine, text=text).findings
    ((start, end),) = finding.spans
    assert start < text.index(ATTACK) + len(ATTACK)
    assert end > text.index(ATTACK)
    assert end - start < len(ATTACK) + 4 * len(FILLER)


def test_a_batch_gives_what_each_gives_alone(engine: TransformerClassifier) -> None:
    contents = [Content(text=text) for text in (ATTACK, HARMLESS, ATTACK * 9, "cat")] * 6
    together = [item[0] for item in run([engine], contents)]
    apart = [engine.analyze(Document(content)) for content in contents]
    assert [each.outcome for each in together] == [each.outcome for each in apart]
    assert [each.findings[0].spans for each in together if each.findings] == [
        each.findings[0].spans for each in apart if each.findings
    ]


def test_nothing_to_read_is_unsupported(engine: TransformerClassifier) -> None:
    assert judged(engine, response="hello").outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("text", [" ", "\ud800", "\x00", "a\udfffb", "\u200b"])
def test_odd_text_does_not_upset_it(engine: TransformerClassifier, text: str) -> None:
    assert judged(engine, text=text).outcome in {Outcome.CLEAN, Outcome.FLAGGED}


def test_its_version_names_the_model(engine: TransformerClassifier, model: Path) -> None:
    assert judged(engine, text="cat").version == f"1.0.0+{model.name}@main"


def test_the_labels_that_count_can_be_chosen(model: Path) -> None:
    turned = TransformerClassifier(load(gpu_model=str(model), gpu_model_labels=("safe",)))
    assert judged(turned, text=ATTACK).outcome is Outcome.CLEAN
    assert judged(turned, text=HARMLESS).outcome is Outcome.FLAGGED


def test_a_label_that_the_model_lacks_is_refused(model: Path) -> None:
    wrong = TransformerClassifier(load(gpu_model=str(model), gpu_model_labels=("toxic",)))
    with pytest.raises(ConfigError, match="SAFE, INJECTION"):
        wrong.prepare()


def test_the_threshold_is_kept(model: Path) -> None:
    strict = TransformerClassifier(load(gpu_model=str(model), gpu_model_threshold=1.1))
    assert judged(strict, text=ATTACK).outcome is Outcome.CLEAN


FARM = """
import sys
import api.app, workers.analysis, workers.launch, workers.rescue
from core.analysis import Content, EngineClass
from engines.catalogue import catalogue
from engines.runner import run
run([e for e in catalogue().values() if e.engine_class is EngineClass.CPU], [Content(text="hello")])
print(sorted({"torch", "transformers"} & {*sys.modules}))
"""


def test_neither_the_api_nor_the_cpu_engines_import_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FARM], capture_output=True, text=True, timeout=110, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_window_that_the_model_chokes_on_fails_its_document_alone(
    engine: TransformerClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.prepare()
    scores = engine.scores
    poison = engine.windows([Document(Content(text="mat mat mat"))])[0].tokens

    def choking(windows: Sequence[list[int]]) -> list[list[float]]:
        if poison in windows:
            raise MemoryError("no room")
        return scores(windows)

    monkeypatch.setattr(engine._batcher, "_run", choking)
    texts = (ATTACK, "mat mat mat", HARMLESS)
    results = [item[0] for item in run([engine], [Content(text=text) for text in texts])]
    outcomes = [each.outcome for each in results]
    assert outcomes == [Outcome.FLAGGED, Outcome.FAILURE, Outcome.CLEAN]
    assert "no room" in results[1].reason


def test_jobs_of_several_threads_go_through_the_model_together(
    engine: TransformerClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.prepare()
    scores, batches = engine.scores, []

    def noting(windows: Sequence[list[int]]) -> list[list[float]]:
        batches.append(len(windows))
        return scores(windows)

    def job(text: str) -> Outcome:
        return run([engine], [Content(text=text)])[0][0].outcome

    for name, value in {"_run": noting, "_wait_s": 60.0, "_most": 4}.items():
        monkeypatch.setattr(engine._batcher, name, value)
    with ThreadPoolExecutor(4) as pool, engine._batcher.preparing():
        outcomes = list(pool.map(job, (ATTACK, HARMLESS, ATTACK, "cat")))
    assert batches == [4]
    assert outcomes == [Outcome.FLAGGED, Outcome.CLEAN, Outcome.FLAGGED, Outcome.CLEAN]


def test_a_late_answer_is_a_timeout(
    engine: TransformerClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.prepare()
    monkeypatch.setattr(TransformerClassifier, "timeout", 0.0)
    result = engine.examine(Document(Content(text=ATTACK)))
    assert (result.outcome, "did not answer within" in result.reason) == (Outcome.TIMEOUT, True)


def test_its_score_is_the_probability_also_where_it_finds_nothing(
    engine: TransformerClassifier,
) -> None:
    assert 0 < judged(engine, text=HARMLESS).score < 0.5 < judged(engine, text=ATTACK).score


def test_the_catalogue_loads_no_model() -> None:
    assert isinstance(catalogue()["transformer_classifier"], TransformerClassifier)
