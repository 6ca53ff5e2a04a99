"""What cannot start says why in one sentence, with exit status 2."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.sentinel import main
from tests.up.running import ROOT, Up

Refused = Callable[..., str]


@pytest.fixture
def refused(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Run `sentinel` in this process and return its only line on stderr."""

    def run(*arguments: str, **variables: str) -> str:
        monkeypatch.setattr(sys, "argv", ["sentinel", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        assert (ended.value.code, written.err.count("\n")) == (2, 1), written
        return written.err

    return run


def test_a_config_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    said = refused("--config", str(tmp_path / "none.yaml"), "up")
    assert "none.yaml cannot be read: No such file" in said


def test_a_config_with_an_unknown_key(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("storage: {pth: /tmp}\n")
    said = refused("--config", str(tmp_path / "config.yaml"))
    assert "unknown key 'storage.pth'; did you mean 'storage.path'?" in said


def test_a_broken_detectors_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "detectors.yaml").write_text("detectors: [\n")
    said = refused("up", "--home", str(tmp_path), DETECTORS_FILE=str(tmp_path / "detectors.yaml"))
    assert "detectors.yaml:2:1: not valid YAML" in said


@pytest.mark.parametrize("inside", ["home", "home/inner", "postgres"])
def test_a_file_where_a_folder_is_wanted(refused: Refused, tmp_path: Path, inside: str) -> None:
    (tmp_path / inside.split("/")[0]).write_text("")
    home = tmp_path if inside == "postgres" else tmp_path / inside
    assert "cannot be written" in refused("up", "--home", str(home))


@pytest.mark.parametrize("name", ["a #b", "a ;b", "a%b"])
def test_a_path_that_the_supervisor_would_misread(
    refused: Refused, tmp_path: Path, name: str
) -> None:
    assert "has %, ' ;', ' #' or a line break" in refused("up", "--home", str(tmp_path / name))


@pytest.mark.parametrize(
    "setting",
    ["GATEWAY_PORT", "GRPC_PORT", "METRICS_PORT", "FLOWER_PORT", "POSTGRES_PORT", "VALKEY_PORT"],
)
def test_a_taken_port(refused: Refused, tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        said = refused("up", "--home", str(tmp_path), **{setting: str(port)})
    assert f"port {port} on 127.0.0.1 is taken" in said
    assert f"set {setting} to another" in said


def test_one_port_for_two(refused: Refused, tmp_path: Path, environment: dict[str, str]) -> None:
    said = refused("up", "--home", str(tmp_path), FLOWER_PORT=environment["GATEWAY_PORT"])
    assert "GATEWAY_PORT and FLOWER_PORT are both" in said


def test_an_address_of_another_machine(refused: Refused, tmp_path: Path) -> None:
    said = refused("up", "--home", str(tmp_path), GATEWAY_HOST="192.0.2.1")
    assert "cannot listen on 192.0.2.1" in said
    assert "check GATEWAY_HOST" in said


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_distributed_without_stores(refused: Refused, tmp_path: Path, missing: str) -> None:
    named = {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x"} | {missing: ""}
    said = refused("up", "--home", str(tmp_path), MODE="distributed", **named)
    assert f"mode distributed needs {missing}" in said


def test_production_with_a_short_secret(refused: Refused) -> None:
    assert "AUTH_SECRET must have" in refused("up", GATEWAY_MODE="production", AUTH_SECRET="short")


def test_a_role_without_stores(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cli.sentinel", "worker", "--class", "io"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "REDIS_URL is not set; run `sentinel up`" in ended.stderr


def test_a_real_process_names_the_holder_of_the_port(
    launch: Callable[..., Up], tmp_path: Path, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", int(environment["GATEWAY_PORT"]))):
        up = launch(tmp_path / "home", environment)
        assert up.process.wait(30) == 2
    assert "(process " in up.screen
    assert up.screen.count("\n") == 1


def test_version_needs_no_settings() -> None:
    command = [sys.executable, "-m", "cli.sentinel", "version"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("sentinel ")
