"""The application in this process, with settings of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.settings import settings

Opener = Callable[..., FlaskClient]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens an application with these environment variables."""

    def opener(**environment: str) -> FlaskClient:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        return create_app().test_client()

    yield opener
    monkeypatch.undo()
    settings.cache_clear()
