"""The embedded PostgreSQL: its binaries, its cluster, the command that runs it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg2

from core.embedded_wheels import binary
from core.errors import StartError
from core.home import Home, write_private
from core.tether import tethered

USER = DATABASE = "sentinel"
_LONGEST_SOCKET_PATH = 107
_BUILTIN_LOCALES_SINCE = 17
_MAINTENANCE_DATABASE = "postgres"

SETTINGS = """
# Sentinel's: written once when the cluster was made; yours to change.
max_connections = 100
shared_buffers = 128MB
work_mem = 8MB
maintenance_work_mem = 64MB
random_page_cost = 1.1
jit = off
wal_compression = on
max_wal_size = 1GB
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
"""


def database_url(home: Home, port: int) -> str:
    """URL of the farm's database on the embedded server."""
    return f"postgresql://{USER}:{quote(_password(home))}@127.0.0.1:{port}/{DATABASE}"


def make_cluster(home: Home) -> None:
    """Create the database cluster where there is none yet; an interrupted attempt is redone."""
    if _data(home).exists():
        return
    unfinished = home.postgres / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = home.postgres / "initial-password"
    write_private(password_file, _password(home) + "\n")
    initdb = binary("initdb")
    command = (
        initdb, "--pgdata", str(unfinished), "--username", USER, "--pwfile", str(password_file),
        "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", *_builtin_locale(initdb),
        "--no-sync", "--no-instructions",
    )  # fmt: skip
    outcome = subprocess.run(
        tethered(command, signum=signal.SIGTERM, owner=home.postgres),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=home.child_environment(),
    )
    password_file.unlink(missing_ok=True)
    if outcome.returncode != 0:
        said = (outcome.stderr.strip() or outcome.stdout.strip()).splitlines()
        raise StartError(f"PostgreSQL's initdb failed: {said[-1] if said else outcome.returncode}")
    with open(unfinished / "postgresql.conf", "a", encoding="utf-8") as file:
        file.write(SETTINGS)
    unfinished.rename(_data(home))


def postgres_command(home: Home, port: int) -> tuple[str, ...]:
    """What runs the server in the foreground; SIGINT stops it. Needs `make_cluster` before."""
    socket = home.postgres / f".s.PGSQL.{port}"
    sockets = ""
    if len(str(socket).encode()) <= _LONGEST_SOCKET_PATH:
        sockets = '"{}"'.format(str(home.postgres).replace('"', '""'))
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": sockets,
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    assigned = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = (binary("postgres"), "-D", str(_data(home)), *assigned)
    return tethered(command, signum=signal.SIGINT, owner=home.postgres)


def postgres_answers(home: Home, port: int) -> bool:
    """Whether the server takes queries. Makes the farm's database the first time it does."""
    try:
        _make_database(home, port)
    except psycopg2.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise StartError(
                f"PostgreSQL refuses the password in {home.secrets}; restore that folder together "
                f"with {home.postgres}"
            ) from problem
        return False
    return True


def forget_pid(home: Home) -> None:
    """Remove a dead server's `postmaster.pid`: another process may have got its number by now.

    Only for who holds the home's lock and has stopped its leftovers.
    """
    (_data(home) / "postmaster.pid").unlink(missing_ok=True)


def _make_database(home: Home, port: int) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=port,
        user=USER,
        password=_password(home),
        dbname=_MAINTENANCE_DATABASE,
        connect_timeout=2,
    )
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


def _password(home: Home) -> str:
    return home.secret("postgres-password")


def _data(home: Home) -> Path:
    return home.postgres / "data"


def _builtin_locale(initdb: str) -> tuple[str, ...]:
    """UTF-8 aware rules that do not hang on the system's locales, where the server has them."""
    said = subprocess.run((initdb, "--version"), capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)", said.stdout)
    if version and int(version[1]) >= _BUILTIN_LOCALES_SINCE:
        return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ()
