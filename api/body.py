"""Reading request bodies: bounded, decompressed, decoded, and refused with a field's name."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api.problems import Problem
from core.settings import settings

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH = 64
MAX_VALUES = 250_000
"""Values of one JSON document; room for 10,000 items of 25 values each."""

_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""Only by such an escape can a NUL or half a surrogate pair come into valid UTF-8 JSON."""
_LINE = re.compile(r"[^\n]+")


def raw(most: int | None = None) -> bytes:
    """The body after decompression, `most` bytes at most or GATEWAY_MAX_REQUEST_SIZE.

    Raises Problem 413, 415 and 400.
    """
    limit = settings().gateway_max_request_size if most is None else most
    length = request.content_length
    if (length or 0) > limit:
        raise _too_large(limit)
    # Room is made for as much as is asked for, so no more is than there is.
    data = request.stream.read(limit + 1 if length is None else length)
    if len(data) > limit:
        raise _too_large(limit)
    encoding = (request.headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding == "gzip":
        return _gunzip(data, limit)
    if encoding != "identity":
        raise Problem(
            415, f"Content-Encoding {encoding!r} is not known; send gzip or none",
            headers={"Accept-Encoding": "gzip, identity"},
        )  # fmt: skip
    return data


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        f"the body exceeds {limit} bytes; split it"
        + (" or raise GATEWAY_MAX_REQUEST_SIZE" * (limit == settings().gateway_max_request_size)),
    )


def _gunzip(data: bytes, limit: int) -> bytes:
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(data)).read(limit + 1)
    except EOFError:
        raise Problem(400, "the gzip body is cut off; send it again whole") from None
    except (gzip.BadGzipFile, zlib.error):
        raise Problem(
            400, "the body is not gzip to its end although Content-Encoding says so"
        ) from None
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def decode(data: bytes) -> str:
    """UTF-8 text. Raises Problem 400 naming the first bad byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Problem(
            400, f"the body is not UTF-8: byte {problem.start} cannot be decoded"
        ) from None


def parse(text: str, values: int = MAX_VALUES) -> Any:
    """A JSON document; NaN, Infinity, duplicate keys, deep nesting and many values are refused.

    Most documents are read by a faster parser, which cannot tell of a key that stands twice; what
    it refuses or leaves in doubt is read again, with care and with words for what is wrong.
    """
    _demand_few_values(text, values)
    try:
        document = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except (TypeError, ValueError):
        return _careful(text)
    keys = _keys(document)
    if keys is None or _endings(text) != keys:
        return _careful(text)
    return document


def _keys(document: Any) -> int | None:
    """How many keys there are in all objects; None for a document of about MAX_DEPTH levels."""
    keys, level = 0, [document]
    for _ in range(MAX_DEPTH - 1):
        below: list[Any] = []
        for whole in level:
            if type(whole) is dict:
                keys += len(whole)
                below += whole.values()
            elif type(whole) is list:
                below += whole
        level = [part for part in below if type(part) is dict or type(part) is list]
        if not level:
            return keys
    return None


def _endings(text: str) -> int | None:
    """How many keys may end in a JSON text: never less than do; None where that cannot be told.

    A key ends by a quote and a colon. So do quotes that are escaped, which are not counted, and so
    begins a value whose first character is a colon, which is.
    """
    if any(blank in text and f"{blank}:" in text for blank in " \n\t\r"):
        return None
    found = text.count('":')
    if "\\" in text:
        if '\\\\":' in text:
            return None
        found -= text.count('\\":')
    return found


def _careful(text: str) -> Any:
    try:
        document = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_distinct)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as problem:
        raise Problem(
            400,
            f"the body is not JSON: {problem.msg} at line {problem.lineno} column {problem.colno}",
        ) from None
    except ValueError as problem:
        raise Problem(400, f"the body is not acceptable JSON: {problem}") from None
    if _depth_over(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _too_deep() -> Problem:
    return Problem(400, f"the JSON is nested more than {MAX_DEPTH} levels deep; flatten it")


def _demand_few_values(text: str, limit: int) -> None:
    """Refuse before parsing, because two bytes of text can become a hundred bytes of memory."""
    if len(text) > limit and _values(text) > limit and _values(_STRING.sub("", text)) > limit:
        raise Problem(413, f"the JSON holds more than {limit} values; split it")


def _values(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Problem(400, f"the key {twice[:80]!r} stands twice in one object; send it once")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON; send a number or null")


def _depth_over(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            part
            for whole in level
            for part in (
                whole.values()
                if isinstance(whole, dict)
                else whole
                if isinstance(whole, list)
                else ()
            )
        ]
        if not level:
            return False
    return True


def document(data: bytes, values: int = MAX_VALUES) -> Any:
    """A body that was read already, as JSON. Raises Problem 400, 413 or 415."""
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"Content-Type {kind!r} is not accepted here; send application/json")
    if not data.strip():
        raise Problem(400, "the body is empty; send a JSON object")
    if not kind:
        raise Problem(415, "the Content-Type is missing; send application/json")
    return parse(decode(data), values)


def read(model: type[Model]) -> Model:
    """The request's JSON body as this model. Raises Problem 422 naming the first bad field."""
    data = raw()
    sent = document(data)
    if _SUSPECT.search(data):
        _demand_storable(sent)
    return validated(model, sent)


def _demand_storable(whole: Any) -> None:
    """Refuse what no database text can hold, wherever it stands in the document."""
    left = [whole]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            left.extend(part)
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
        elif isinstance(part, str) and (reason := unstorable(part)):
            raise Problem(422, reason, field=field_name(_place(whole, part) or ()))


def _place(whole: Any, wanted: str) -> tuple[int | str, ...] | None:
    """The path to a string or key of a document, None when it is not in there."""
    if whole is wanted:
        return ()
    below: Iterable[tuple[int | str, Any]] = ()
    if isinstance(whole, dict):
        below = whole.items()
    elif isinstance(whole, list):
        below = enumerate(whole)
    for key, part in below:
        if key is wanted:
            return (key,)
        if (rest := _place(part, wanted)) is not None:
            return (key, *rest)
    return None


def unstorable(text: str) -> str:
    """Why no database text can hold this one; empty when it can."""
    if "\x00" in text:
        return "must not contain NUL characters; remove \\u0000"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must not contain lone surrogates; send whole characters"
    return ""


def validated(model: type[Model], document: Any) -> Model:
    """A parsed document as this model. Raises Problem 422 naming the first bad field."""
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        field = field_name(first["loc"])
        raise Problem(422, str(first["msg"]).removeprefix("Value error, "), field=field) from None


def field_name(path: tuple[int | str, ...]) -> str:
    """`("items", 3, "text")` as `items[3].text`."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name.encode("ascii", "replace").decode()


def lines(text: str) -> Iterator[str]:
    """The lines of an NDJSON body that are not empty."""
    for found in _LINE.finditer(text):
        if found[0].strip():
            yield found[0]
