"""The prompt and the response of a model call, wherever its dialect puts them, as plain text.

What the application itself says, in messages of role system or developer, is left out: it is not
what somebody asked. Several messages stand one after another, each after its role.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.otlp_span import Span

_PROMPTS = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "ai.prompt.messages",
    "ai.prompt",
    "langfuse.observation.input",
)
_RESPONSES = (
    "gen_ai.output.messages",
    "gen_ai.completion",
    "ai.response.text",
    "ai.response.object",
    "ai.result.text",
    "langfuse.observation.output",
)
_OWN_ROLES = ("system", "developer")
_DEPTH = 8
_LONGEST_JSON = 2 * 1024 * 1024
_REPLACED = str.maketrans({"\x00": "\ufffd"})
_PROMPT_EVENTS = ("gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message")

_SAID = ("parts", "content", "text", "prompt", "response")
_HOLDERS = ("message", "messages", "choices")

Turn = tuple[str, str]
"""Role, "" for none, and text."""
_WHOLE = frozenset((*_PROMPTS, *_RESPONSES, "input.value", "output.value"))
_INDEXED = tuple(
    f"{prefix}."
    for prefix in (
        *("gen_ai.prompt", "llm.prompts", "llm.input_messages"),
        *("gen_ai.completion", "llm.completions", "llm.output_messages"),
    )
)


def speak(names: Iterable[str]) -> bool:
    """Whether attributes of these names may hold a prompt or a response."""
    return any(name in _WHOLE or name.startswith(_INDEXED) for name in names)


def prompt(span: Span) -> str | None:
    """What was asked."""
    attributes = span.attributes
    turns = (
        _first(attributes, _PROMPTS)
        or _indexed(attributes, "gen_ai.prompt")
        or _indexed(attributes, "llm.prompts")
        or _openinference(attributes, "llm.input_messages")
        or _first(attributes, ("input.value",))
        or _from_events(span, _PROMPTS, _PROMPT_EVENTS)
    )
    return _joined(turns)


def response(span: Span) -> str | None:
    """What the model answered."""
    attributes = span.attributes
    turns = (
        _first(attributes, _RESPONSES)
        or _indexed(attributes, "gen_ai.completion")
        or _indexed(attributes, "llm.completions")
        or _openinference(attributes, "llm.output_messages")
        or _first(attributes, ("output.value",))
        or _from_events(span, _RESPONSES, ("gen_ai.choice",))
    )
    return _joined(turns)


def _joined(turns: Sequence[Turn]) -> str | None:
    kept = [(role, text) for role, text in turns if text and role not in _OWN_ROLES]
    if not kept:
        return None
    if len(kept) == 1:
        whole = kept[0][1]
    else:
        whole = "\n\n".join(f"{role}: {text}" if role else text for role, text in kept)
    return whole.translate(_REPLACED).encode("utf-8", "replace").decode()


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> list[Turn]:
    for name in names:
        if name in attributes and (turns := list(_turns(attributes[name], "", 0))):
            return turns
    return []


def _turns(value: Any, role: str, depth: int) -> Iterator[Turn]:
    """The messages in a text, in JSON, or in what JSON would be."""
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        document = _document(value)
        found = [] if document is None else list(_turns(document, role, depth + 1))
        yield from found or ([(role, value)] if value else [])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _turns(one, role, depth + 1)
    elif isinstance(value, Mapping):
        yield from _message(value, role, depth)


def _document(text: str) -> Any:
    if len(text) > _LONGEST_JSON or text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(value: Mapping[str, Any], role: str, depth: int) -> Iterator[Turn]:
    said = value.get("role", value.get("message.role"))
    role = said if isinstance(said, str) else role
    for member in (*_SAID, *_HOLDERS):
        inner = value.get(member)
        if isinstance(inner, str) and member in _SAID:
            if inner:
                yield role, inner
            return
        if inner is not None and inner != []:
            parts = list(_turns(inner, role, depth + 1))
            yield from _as_one(parts) if member in ("parts", "content") else parts
            return


def _as_one(parts: list[Turn]) -> list[Turn]:
    """The parts of one message are one turn."""
    if len(parts) < 2:
        return parts
    return [(parts[0][0], "\n".join(text for _, text in parts))]


def _indexed(attributes: Mapping[str, Any], prefix: str) -> list[Turn]:
    """`prefix.0.role`, `prefix.0.content` and so on."""
    found: list[Turn] = []
    number = 0
    while f"{prefix}.{number}.role" in attributes or f"{prefix}.{number}.content" in attributes:
        role = str(attributes.get(f"{prefix}.{number}.role") or "")
        found += _as_one(list(_turns(attributes.get(f"{prefix}.{number}.content"), role, 0)))
        number += 1
    return found


def _openinference(attributes: Mapping[str, Any], prefix: str) -> list[Turn]:
    """`prefix.0.message.role`, `….content`, or `….contents.0.message_content.text` and so on."""
    found: list[Turn] = []
    number = 0
    while f"{prefix}.{number}.message.role" in attributes:
        message = f"{prefix}.{number}.message"
        role = str(attributes[f"{message}.role"])
        texts = [attributes.get(f"{message}.content")]
        part = 0
        while f"{message}.contents.{part}.message_content.type" in attributes:
            texts.append(attributes.get(f"{message}.contents.{part}.message_content.text"))
            part += 1
        whole = "\n".join(text for text in texts if isinstance(text, str) and text)
        if whole:
            found.append((role, whole))
        number += 1
    return found


def _from_events(span: Span, names: tuple[str, ...], messages: tuple[str, ...]) -> list[Turn]:
    """From span events: whole messages in attributes, or one event a message (deprecated)."""
    found: list[Turn] = []
    for name, attributes in span.events:
        if turns := _first(attributes, names):
            return turns
        if name in messages:
            role = name.split(".")[1] if name != "gen_ai.choice" else "assistant"
            body = attributes.get("gen_ai.event.content", attributes)
            found += _turns(body if isinstance(body, str) else dict(body), role, 0)
    return found
