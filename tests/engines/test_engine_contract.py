"""What every engine promises, tried on each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from core.analysis import Content, EngineClass, EngineResult, Mode, Outcome
from engines.base import Engine, PatternEngine
from engines.catalogue import catalogue
from engines.document import KINDS, Document
from engines.runner import run

ANSWERS = {Outcome.CLEAN, Outcome.FLAGGED}
MEGABYTE = 1024 * 1024
ENGINES = list(catalogue().values())

ANSWERING = [
    engine
    for engine in ENGINES
    if run([engine], [Content(text="x")])[0][0].outcome is not Outcome.SKIPPED
]

every_answering_engine = pytest.mark.parametrize(
    "engine", ANSWERING, ids=lambda engine: engine.name
)
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def example(engine: Engine, kind: str) -> Content:
    found = re.search(rf"^{kind}: (.+)$", engine.manual, re.MULTILINE)
    assert found, f"{engine.name} has no `{kind}:` example"
    return Content(text=found[1])


def result_of(engine: Engine, content: Content) -> EngineResult:
    return run([engine], [content])[0][0]


@every_engine
def test_it_says_who_it_is(engine: Engine) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", engine.name)
    assert re.fullmatch(r"[a-z_]+", engine.category)
    assert re.match(r"\d+\.\d+\.\d+", engine.version)
    assert engine.engine_class in EngineClass
    assert engine.modes
    assert set(engine.modes) <= set(Mode)
    assert engine.timeout > 0


@every_engine
def test_it_reads_known_kinds_of_fields(engine: Engine) -> None:
    assert engine.inputs
    assert set(engine.inputs) <= set(KINDS)


@every_engine
def test_its_manual_is_complete(engine: Engine) -> None:
    for part in ("Why it matters:", "Flags:", "Passes:", "Source:"):
        assert part in engine.manual


@every_answering_engine
def test_it_flags_what_its_manual_says_it_flags(engine: Engine) -> None:
    assert result_of(engine, example(engine, "Flags")).outcome is Outcome.FLAGGED


@every_answering_engine
def test_it_passes_what_its_manual_says_it_passes(engine: Engine) -> None:
    assert result_of(engine, example(engine, "Passes")).outcome is Outcome.CLEAN


@pytest.mark.parametrize(
    "engine", [each for each in ENGINES if each not in ANSWERING], ids=lambda engine: engine.name
)
def test_an_engine_that_cannot_answer_here_says_why(engine: Engine) -> None:
    result = result_of(engine, Content(text="x"))
    assert (result.outcome, result.reason != "") == (Outcome.SKIPPED, True)


@every_engine
def test_nothing_to_read_is_unsupported_and_never_clean(engine: Engine) -> None:
    assert result_of(engine, Content()).outcome is Outcome.UNSUPPORTED


@every_answering_engine
def test_blank_text_finds_nothing(engine: Engine) -> None:
    assert result_of(engine, Content(text=" \n\t ")).outcome is Outcome.CLEAN


@every_answering_engine
@pytest.mark.parametrize("unit", ["a", " ", "7", "é", "\u200b", "%20", "ﷺ", "QUFB", "AKIA"])
def test_a_megabyte_of_one_thing_is_read_to_its_end(engine: Engine, unit: str) -> None:
    result = result_of(engine, Content(text=unit * (MEGABYTE // len(unit))))
    assert result.outcome in ANSWERS, result.reason


@every_answering_engine
@pytest.mark.parametrize(
    "text", ["\x00", "\ud800", "a\udfffb", "\uffff\ufffe", "\U0010ffff", "İ" * 9, "e\u0301" * 50]
)
def test_bad_unicode_does_not_upset_it(engine: Engine, text: str) -> None:
    assert result_of(engine, Content(text=text)).outcome in ANSWERS


@every_answering_engine
def test_its_findings_point_into_the_field_that_they_name(engine: Engine) -> None:
    text = example(engine, "Flags").text
    content = Content(text=text, documents=("", text), history=({"role": "user", "content": text},))
    for finding in result_of(engine, content).findings:
        assert 0 <= finding.score <= 1
        assert finding.field in {"text", "documents[1]", "history[0]"}
        assert all(0 <= start < end <= len(text) for start, end in finding.spans)


@every_engine
def test_it_finds_the_same_a_second_time(engine: Engine) -> None:
    content = example(engine, "Flags")
    assert result_of(engine, content).findings == result_of(engine, content).findings


@every_engine
def test_it_judges_a_batch_as_it_judges_each(engine: Engine) -> None:
    contents = [example(engine, "Flags"), Content(), example(engine, "Passes")]
    together = engine.analyze_many([Document(content) for content in contents])
    apart = [engine.analyze(Document(content)) for content in contents]
    assert [result.outcome for result in together] == [result.outcome for result in apart]
    assert [len(result.findings) for result in together] == [
        len(result.findings) for result in apart
    ]


PRIVATE = [engine for engine in ENGINES if engine.category in {"secrets", "personal_data"}]


@pytest.mark.parametrize("engine", PRIVATE, ids=lambda engine: engine.name)
def test_its_messages_never_repeat_what_was_found(engine: Engine) -> None:
    content = example(engine, "Flags")
    for finding in result_of(engine, content).findings:
        for start, end in finding.spans:
            assert content.text[start:end] not in finding.message + finding.label


def rules_of_every_engine() -> Iterator[tuple[str, str]]:
    for engine in ENGINES:
        if isinstance(engine, PatternEngine):
            yield from ((engine.name, rule.label) for rule in engine.rules)


def test_no_engine_names_two_rules_alike() -> None:
    names = list(rules_of_every_engine())
    assert len(names) == len(set(names))
