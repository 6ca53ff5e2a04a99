"""The whole farm by one command: demo, neighbours, `kill -9`, the end."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from core import leftovers
from core.embedded import EmbeddedStores
from core.home import Home
from tests.up.running import Up, clean_environment, until

pytestmark = [pytest.mark.farm, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def farm(launch: Callable[..., Up], tmp_path_factory: pytest.TempPathFactory) -> Up:
    """A farm on a home whose first farm was killed while it started, supervisor and all."""
    home, environment = tmp_path_factory.mktemp("farm") / "home of 'us'", clean_environment()
    first = launch(home, environment, "--demo")
    first.shows("schema")
    supervisor = int((home / "run/supervisord.pid").read_text())
    os.kill(first.process.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    second = launch(home, environment, "--demo")
    second.shows("Ctrl-C stops it")
    return second


def schedulers(farm: Up) -> set[int]:
    members = leftovers.find(Home(farm.home))
    return {one.pid for one in members if "beat" in " ".join(one.cmdline())}


def test_the_demo_shows_a_verdict_an_anomaly_and_an_alert(farm: Up) -> None:
    for shown in ("HIGH_RISK", "instruction_override", "anomaly: error", "alert delivered:"):
        assert shown in farm.screen


def test_the_table_names_what_a_newcomer_needs(farm: Up) -> None:
    key = (farm.home / "secrets/api-key").read_text().strip()
    screen = re.sub(r"\s*│\n│\s*│\s*", "", farm.screen)
    for shown in (farm.url, f"{farm.url}/docs", "/metrics", str(farm.home), key, "curl -s "):
        assert shown in screen


def test_ready_is_true_when_the_table_is_shown(farm: Up) -> None:
    assert httpx.get(f"{farm.url}/ready", trust_env=False).status_code == 200


@pytest.mark.parametrize("name", ["METRICS_PORT", "FLOWER_PORT"])
def test_the_other_ports_answer_too(farm: Up, name: str) -> None:
    url = f"http://127.0.0.1:{farm.environment[name]}/metrics"
    assert httpx.get(url, trust_env=False).status_code == 200


def test_a_second_farm_on_the_same_home_is_refused(launch: Callable[..., Up], farm: Up) -> None:
    second = launch(farm.home, clean_environment())
    assert second.process.wait(30) == 2
    assert f"is in use by process {farm.process.pid}" in second.screen


def test_no_command_line_shows_a_secret(farm: Up) -> None:
    secrets = [path.read_text().strip() for path in (farm.home / "secrets").iterdir()]
    lines = [" ".join(one.cmdline()) for one in leftovers.find(Home(farm.home))]
    assert lines
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_what_dies_is_started_again(farm: Up) -> None:
    (before,) = schedulers(farm)
    os.kill(before, signal.SIGKILL)
    until(lambda: schedulers(farm) - {before})


def test_sigterm_stops_all_of_it_within_ten_seconds(farm: Up) -> None:
    began = time.monotonic()
    farm.process.send_signal(signal.SIGTERM)
    assert farm.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert leftovers.find(Home(farm.home)) == []


def test_ctrl_c_while_it_starts_stops_it_too(
    launch: Callable[..., Up], farm: Up, tmp_path: Path
) -> None:
    up = launch(tmp_path / ("too-long-for-a-socket" * 5), clean_environment())
    up.shows("PostgreSQL and Valkey")
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(15) == 0
    assert leftovers.find(Home(up.home)) == []


def test_stores_of_one_s_own_and_a_killed_supervisor(
    launch: Callable[..., Up], farm: Up, tmp_path: Path
) -> None:
    with EmbeddedStores(tmp_path / "stores") as own:
        urls = {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}
        up = launch(tmp_path / "home", clean_environment() | urls)
        up.shows("schema")
        os.kill(int((up.home / "run/supervisord.pid").read_text()), signal.SIGKILL)
        assert up.process.wait(20) == 1
    assert "PostgreSQL" not in up.screen
    assert leftovers.find(Home(up.home)) == []
