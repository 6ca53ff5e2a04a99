"""Reading request bodies: bounded, decompressed, decoded, and refused with a field's name."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api.problems import Problem
from core.settings import settings

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH = 64


def raw() -> bytes:
    """The body after decompression. Raises Problem 413 and 400."""
    limit = settings().gateway_max_request_size
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    data = request.stream.read(limit + 1)
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
        413, f"the body exceeds {limit} bytes; split it or raise GATEWAY_MAX_REQUEST_SIZE"
    )


def _gunzip(data: bytes, limit: int) -> bytes:
    machine = zlib.decompressobj(wbits=31)
    try:
        plain = machine.decompress(data, limit + 1)
        if len(plain) > limit:
            raise _too_large(limit)
        if not machine.eof:
            raise Problem(400, "the gzip body is cut off; send it again whole")
    except zlib.error:
        raise Problem(400, "the body is not gzip although Content-Encoding says so") from None
    return plain


def decode(data: bytes) -> str:
    """UTF-8 text. Raises Problem 400 naming the first bad byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Problem(
            400, f"the body is not UTF-8: byte {problem.start} cannot be decoded"
        ) from None


def parse(text: str) -> Any:
    """A JSON document; NaN, Infinity, duplicate keys' loss and deep nesting are refused."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
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


def json_document() -> Any:
    """The request's JSON body. Raises Problem 400, 413 or 415."""
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"Content-Type {kind!r} is not accepted here; send application/json")
    data = raw()
    if not data.strip():
        raise Problem(400, "the body is empty; send a JSON object")
    return parse(decode(data))


def read(model: type[Model]) -> Model:
    """The request's JSON body as this model. Raises Problem 422 naming the first bad field."""
    document = json_document()
    _demand_storable(document)
    return validated(model, document)


def _demand_storable(document: Any) -> None:
    """Refuse what no database text can hold, wherever it stands in the document."""
    left: list[tuple[tuple[int | str, ...], Any]] = [((), document)]
    while left:
        path, part = left.pop()
        if isinstance(part, dict):
            left.extend(((*path, key), value) for key, value in part.items())
            left.extend(((*path, key), key) for key in part)
        elif isinstance(part, list):
            left.extend(((*path, place), value) for place, value in enumerate(part))
        elif isinstance(part, str) and (reason := _unstorable(part)):
            raise Problem(422, reason, field=field_name(path))


def _unstorable(text: str) -> str:
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


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The non-empty lines of an NDJSON body with their place, counted without the empty ones."""
    place = 0
    for line in text.split("\n"):
        if line.strip():
            yield place, line
            place += 1
