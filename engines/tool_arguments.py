"""Tool calls that do not fit the tools that were declared.

Reads the calls in the response and in the model's earlier turns and holds them against `tools`:
calls of tools that nobody declared, arguments that the declaration does not name, and arguments
that break its JSON Schema. What stands inside an argument is the matter of `argument_injection`.

Why it matters: an injected model reaches for whatever it was told exists; a host that runs a call
without looking hands it the keys. An undeclared tool or argument is where that shows first.

Flags: {"response": "{\\"name\\": \\"delete_account\\", \\"arguments\\": {\\"id\\": 7}}", "tools": [{"name": "get_weather"}]}
Passes: {"response": "{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"city\\": \\"Rome\\"}}", "tools": [{"name": "get_weather"}]}

Source: OWASP LLM06:2025 Excessive Agency; OWASP Agentic AI T2 Tool Misuse.
"""  # noqa: E501

from __future__ import annotations

import itertools
from collections.abc import Iterator

from core.analysis import EngineResult, Finding, Span
from engines.base import Engine
from engines.document import Document
from engines.json_schema import breaches, shown, undeclared
from engines.tool_calls import Call, calls, declared, spoken

_MOST = 20
"""Breaches of one call that are reported."""


class ToolArguments(Engine):
    name = "tool_arguments"
    version = "1.0.0"
    category = "tool_abuse"
    inputs = ("response", "history")
    requires = ("tools",)

    def examine(self, document: Document) -> EngineResult:
        tools = declared(document.content.tools)
        found: list[Finding] = []
        for field, text in spoken(document.content):
            read = calls(text)
            for call in read.found:
                found += self._judge(field, call, tools)
            if not read.complete:
                message = "holds too much broken JSON to look for calls in all of it"
                found.append(self._about(field, (0, len(text)), "unread_calls", 0.5, message))
        return self.found(found)

    def _judge(self, field: str, call: Call, tools: dict[str, object]) -> Iterator[Finding]:
        span, who = (call.start, call.end), f"the call of {shown(call.name)}"
        if call.name not in tools:
            message = f"{who} is of a tool that was not declared"
            yield self._about(field, span, "undeclared_tool", 0.6, message)
            return
        if call.arguments is None:
            message = f"{who} has arguments that are no JSON object"
            yield self._about(field, span, "broken_arguments", 0.5, message)
            return
        schema = tools[call.name]
        for what in itertools.islice(breaches(call.arguments, schema), _MOST):
            message = f"in {who}, {what}"
            yield self._about(field, span, "schema_breach", 0.5, message)
        for key in undeclared(call.arguments, schema)[:_MOST]:
            message = f"in {who}, argument {shown(key)} was not declared"
            yield self._about(field, span, "undeclared_argument", 0.5, message)

    def _about(self, field: str, span: Span, label: str, score: float, message: str) -> Finding:
        return Finding(self.name, self.category, score, label, field, (span,), message)
