"""Which alerts.yaml is in force, and what stays so when a new one does not load."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.database import unit_of_work
from core.errors import ConfigError
from core.settings import settings
from tests.conftest import eventually
from workers import alert_config, delivery

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GOOD = "route: {receiver: %s}\nreceivers: [{name: %s}]\n"


@pytest.fixture
def file(stores: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An alerts.yaml of this test's own, of which the farm knows nothing yet."""
    path = tmp_path / "alerts.yaml"
    path.write_text(GOOD % ("first", "first"))
    monkeypatch.setenv("ALERTS_FILE", str(path))
    settings.cache_clear()
    forget()
    yield path
    forget()
    settings.cache_clear()


def forget() -> None:
    with unit_of_work() as work:
        work.execute("TRUNCATE alert_configs")
    delivery.config.cache_clear()


def in_force() -> set[str]:
    """The receivers that a process knows which has looked a moment ago."""
    delivery.config.cache_clear()
    return set(delivery.config().receivers)


def test_a_changed_file_is_in_force_for_every_process(file: Path) -> None:
    assert alert_config.watch(NOW)
    file.write_text(GOOD % ("second", "second"))
    assert alert_config.watch(NOW)
    assert in_force() == {"second"}


def test_a_file_that_did_not_change_is_not_read_again(file: Path) -> None:
    assert alert_config.watch(NOW)
    assert not alert_config.watch(NOW)


def test_what_was_in_force_stays_so_when_the_new_file_does_not_load(file: Path) -> None:
    alert_config.reload(NOW)
    file.write_text(GOOD.replace("route:", "rout:") % ("second", "second"))
    with pytest.raises(ConfigError, match=r"alerts.yaml:1: unknown key 'rout'.*'route'"):
        alert_config.reload(NOW)
    assert in_force() == {"first"}


def test_the_last_error_is_told_until_a_file_loads(file: Path) -> None:
    file.write_text("route: [")
    assert not alert_config.watch(NOW)
    assert "not valid YAML" in alert_config.state()["error"]
    file.write_text(GOOD % ("second", "second"))
    alert_config.reload(NOW)
    assert alert_config.state()["error"] is None


def test_a_process_that_starts_with_a_broken_file_takes_what_is_in_force(file: Path) -> None:
    alert_config.reload(NOW)
    file.write_text("nonsense")
    assert in_force() == {"first"}


def test_a_farm_that_never_loaded_one_refuses_a_broken_file(file: Path) -> None:
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match="mapping"):
        in_force()


def test_a_signal_reads_the_file_again(file: Path) -> None:
    handlers: list[Any] = []
    alert_config.on_signal(lambda number, handle: handlers.append((number, handle)))
    ((number, handle),) = handlers
    handle(number, None)
    assert number == signal.SIGHUP
    assert eventually(lambda: alert_config.state()["loaded_at"])
