"""What every engine promises, tried on each of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from case_files import Case, Options, case

from core.analysis import Content, EngineClass, EngineResult, Mode, Outcome
from engines.base import Engine, PatternEngine
from engines.catalogue import catalogue
from engines.document import KINDS, Document
from engines.runner import run

ANSWERS = {Outcome.CLEAN, Outcome.FLAGGED}
MEGABYTE = 1024 * 1024
ENGINES = list(catalogue().values())

QUIET = {Outcome.CLEAN, Outcome.UNSUPPORTED}


def filled(engine: Engine, text: str) -> Content:
    """The engine's own example with this text in every field that the engine reads."""
    given = example(engine, "Flags").content
    wanted = {*engine.inputs, *engine.requires}
    turns = tuple({**turn, "content": text} for turn in given.history)
    return Content(
        text=text if "text" in wanted else given.text,
        response=text if "response" in wanted else given.response,
        system_prompt=text if "system_prompt" in wanted else given.system_prompt,
        documents=(text,) if "documents" in wanted else given.documents,
        history=turns or (({"role": "user", "content": text},) if "history" in wanted else ()),
        tools=({"description": text},) if "tools" in engine.inputs else given.tools,
    )


def example(engine: Engine, kind: str) -> Case:
    found = re.search(rf"^{kind}: (.+)$", engine.manual, re.MULTILINE)
    assert found, f"{engine.name} has no `{kind}:` example"
    return case(engine.name, json.loads(found[1]) if found[1].startswith("{") else found[1])


def result_of(engine: Engine, given: Content | Case) -> EngineResult:
    content, options = given if isinstance(given, Case) else Case(given, example_options(engine))
    return run([engine], [content], options=options)[0][0]


def example_options(engine: Engine) -> Options:
    return example(engine, "Flags").options


ANSWERING = [
    engine
    for engine in ENGINES
    if result_of(engine, example(engine, "Flags")).outcome is not Outcome.SKIPPED
]

every_answering_engine = pytest.mark.parametrize(
    "engine", ANSWERING, ids=lambda engine: engine.name
)
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


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
    result = result_of(engine, example(engine, "Flags"))
    assert (result.outcome, result.reason != "") == (Outcome.SKIPPED, True)


@every_engine
def test_nothing_to_read_is_unsupported_and_never_clean(engine: Engine) -> None:
    assert result_of(engine, Content()).outcome is Outcome.UNSUPPORTED


@every_answering_engine
def test_blank_text_finds_nothing(engine: Engine) -> None:
    assert result_of(engine, filled(engine, " \n\t ")).outcome in QUIET


@pytest.mark.parametrize("unit", ["a", " ", "7", "é", "\u200b", "%20", "ﷺ", "QUFB", "AKIA"])
def test_a_megabyte_of_one_thing_is_read_to_its_end(unit: str) -> None:
    """By all engines, which share the work of unfolding it; a sixth in each kind of field."""
    text = unit * (MEGABYTE // len(unit) // 6)
    turns = ({"role": "user", "content": text},)
    content = Content(text, text, text, (text,), turns, ({"name": "look", "description": text},))
    options = {name: about for each in ANSWERING for name, about in example_options(each).items()}
    for result in run(ANSWERING, [content], options=options)[0]:
        assert result.outcome in ANSWERS | QUIET, (result.engine, result.reason)


@every_answering_engine
@pytest.mark.parametrize(
    "text", ["\x00", "\ud800", "a\udfffb", "\uffff\ufffe", "\U0010ffff", "İ" * 9, "e\u0301" * 50]
)
def test_bad_unicode_does_not_upset_it(engine: Engine, text: str) -> None:
    assert result_of(engine, filled(engine, text)).outcome in ANSWERS


@every_answering_engine
def test_its_findings_point_into_the_field_that_they_name(engine: Engine) -> None:
    given, options = example(engine, "Flags")
    turn = {"role": "user", "content": given.text}
    content = replace(
        given,
        documents=("", *given.documents, given.text),
        history=(*given.history, turn),
    )
    fields = Document(content).fields(KINDS)
    for finding in result_of(engine, Case(content, options)).findings:
        assert 0 <= finding.score <= 1
        assert all(0 <= start < end <= len(fields[finding.field]) for start, end in finding.spans)


@every_engine
def test_it_finds_the_same_a_second_time(engine: Engine) -> None:
    content = example(engine, "Flags")
    assert result_of(engine, content).findings == result_of(engine, content).findings


@every_engine
def test_it_judges_a_batch_as_it_judges_each(engine: Engine) -> None:
    flags, passes = example(engine, "Flags"), example(engine, "Passes")
    contents = [flags.content, Content(), passes.content]
    together = engine.analyze_many([Document(content, flags.options) for content in contents])
    apart = [engine.analyze(Document(content, flags.options)) for content in contents]
    assert [result.outcome for result in together] == [result.outcome for result in apart]
    assert [len(result.findings) for result in together] == [
        len(result.findings) for result in apart
    ]


PRIVATE = [engine for engine in ENGINES if engine.category in {"secrets", "personal_data"}]


@pytest.mark.parametrize("engine", PRIVATE, ids=lambda engine: engine.name)
def test_its_messages_never_repeat_what_was_found(engine: Engine) -> None:
    given = example(engine, "Flags")
    for finding in result_of(engine, given).findings:
        text = Document(given.content).fields(KINDS)[finding.field]
        for start, end in finding.spans:
            assert text[start:end] not in finding.message + finding.label


def rules_of_every_engine() -> Iterator[tuple[str, str]]:
    for engine in ENGINES:
        if isinstance(engine, PatternEngine):
            yield from ((engine.name, rule.label) for rule in engine.rules)


def test_no_engine_names_two_rules_alike() -> None:
    names = list(rules_of_every_engine())
    assert len(names) == len(set(names))
