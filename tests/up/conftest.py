"""Real `sentinel up` processes on free ports, and nothing left of them afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from core.settings import settings
from tests.up.running import Up, clean_environment


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Up]]:
    """Start `sentinel up`; whatever still runs at the end is stopped."""
    started: list[Up] = []

    def start(home: Path, environment: dict[str, str], *options: str) -> Up:
        started.append(Up(home, environment, *options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """This process's own environment, free of settings; put back afterwards."""
    with mock.patch.dict(os.environ, clean_environment(), clear=True):
        settings.cache_clear()
        yield dict(os.environ)
    settings.cache_clear()
