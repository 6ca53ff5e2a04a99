"""Small posts of telemetry share batches: those that are being read are waited for a little."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import request

from workers import ingestion

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

SMALL = 32 * 1024
"""Bytes. More takes about as long to read as anybody waits, and need not be waited for."""


def awaited(view: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A view that is about to `accept` events, which those of other posts may wait for."""

    @functools.wraps(view)
    def coming(*given: Given.args, **named: Given.kwargs) -> Answer:
        if (request.content_length or 0) > SMALL:
            return view(*given, **named)
        with ingestion.coming():
            return view(*given, **named)

    return coming
