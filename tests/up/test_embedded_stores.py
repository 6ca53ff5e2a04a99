"""The embedded servers: they keep what they were given, whatever happens to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.embedded import EmbeddedStores
from core.errors import StartError
from core.tether import import_path, tethered
from tests.up.running import until

pytestmark = pytest.mark.farm

STARTS_AND_WAITS = """
import signal, sys
from pathlib import Path
from core.embedded import EmbeddedStores
EmbeddedStores(Path(sys.argv[1])).start()
print("started", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStores]:
    with EmbeddedStores(tmp_path_factory.mktemp("stores") / """home of "us'""") as running:
        yield running


def query(stores: EmbeddedStores, statement: str) -> object:
    with closing(psycopg2.connect(stores.database_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None


def client(stores: EmbeddedStores) -> redis.Redis:
    return redis.Redis.from_url(stores.redis_url, decode_responses=True)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("SHOW timezone", "UTC"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW listen_addresses", "127.0.0.1"),
        ("SHOW jit", "off"),
        ("SELECT lower('ÄÖ')", "äö"),
        ("SELECT current_user::text", "sentinel"),
    ],
)
def test_postgres_is_set_up_for_the_farm(stores: EmbeddedStores, asked: str, answer: str) -> None:
    assert query(stores, asked) == (answer,)


@pytest.mark.parametrize(
    ("name", "value"),
    [("appendonly", "yes"), ("appendfsync", "everysec"), ("maxmemory-policy", "noeviction")],
)
def test_valkey_is_set_up_for_the_farm(stores: EmbeddedStores, name: str, value: str) -> None:
    with client(stores) as valkey:
        assert valkey.config_get(name) == {name: value}


def test_both_refuse_who_has_no_password(stores: EmbeddedStores) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(stores.database_url.replace(stores.home.secret("postgres-password"), "x"))
    with (
        redis.Redis(port=stores.valkey_port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_no_password_is_readable_by_others(stores: EmbeddedStores) -> None:
    files = [*stores.home.secrets.iterdir(), stores.home.valkey / "valkey.conf"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_postgres_keeps_committed_rows_over_kill_9(stores: EmbeddedStores) -> None:
    query(stores, "CREATE TABLE kept AS SELECT 7 AS n")
    stores.postgres.kill()
    stores.postgres.start()
    assert query(stores, "SELECT n FROM kept") == (7,)


def test_valkey_keeps_fsynced_writes_over_kill_9(stores: EmbeddedStores) -> None:
    with client(stores) as valkey:
        valkey.set("kept", "7")
        valkey.waitaof(1, 0, 2000)
    stores.valkey.kill()
    stores.valkey.start()
    with client(stores) as valkey:
        assert valkey.get("kept") == "7"


def test_a_home_in_use_is_refused(stores: EmbeddedStores) -> None:
    with pytest.raises(StartError, match="is in use by process"):
        EmbeddedStores(stores.home.root).start()


def test_a_killed_owner_leaves_passwords_and_data_to_the_next(tmp_path: Path) -> None:
    home = tmp_path / "too-long-for-a-socket" / ("x" * 90)
    command = [sys.executable, "-c", STARTS_AND_WAITS, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=import_path(None)) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        secret = (home / "secrets/postgres-password").read_text()
        owner.kill()
    with EmbeddedStores(home) as stores:
        assert query(stores, "SELECT 1") == (1,)
        assert secret.strip() in stores.database_url


def test_a_stale_pid_file_that_names_a_living_stranger_is_ignored(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path / "home"):
        pid_file = tmp_path / "home/postgres/data/postmaster.pid"
        text = pid_file.read_text()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file.write_text(text.replace(text.split()[0], str(stranger.pid), 1))
        with EmbeddedStores(tmp_path / "home") as stores:
            assert query(stores, "SELECT 1") == (1,)
        assert stranger.poll() is None
        stranger.kill()


def test_what_a_folder_s_owner_runs_is_never_root(tmp_path: Path) -> None:
    command = tethered(("id", "-u"), signum=signal.SIGTERM, owner=tmp_path)
    said = subprocess.run(command, capture_output=True, check=True, env=import_path(None))
    assert int(said.stdout) > 0


def test_a_tethered_process_dies_with_its_parent(tmp_path: Path) -> None:
    child = tethered(("sleep", "60"), signum=signal.SIGTERM)
    script = f"import subprocess; print(subprocess.Popen({child!r}).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=-1, stdout=-1, env=import_path(None)
    ) as parent:
        assert parent.stdout is not None
        status = Path(f"/proc/{int(parent.stdout.readline())}/cmdline")
        until(lambda: status.read_bytes().startswith(b"sleep"))
        parent.kill()
    until(lambda: not status.exists() or not status.read_bytes())
