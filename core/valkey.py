"""The Redis or Valkey of this farm: one server by its URL, or the master that sentinels know."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import redis
from redis.sentinel import Sentinel

from core.errors import ConfigError
from core.settings import settings

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
"""Longer than any blocking command of the farm waits."""
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class Sentinels:
    """What a `sentinel://` URL says: who knows the master, and how the master lets us in."""

    hosts: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    database: int = 0

    def kombu_url(self) -> str:
        """The form in which kombu keeps its credentials when it goes on to the next sentinel."""
        user, password = quote(self.username or "", safe=""), quote(self.password or "", safe="")
        login = f"{user}:{password}@" if user or password else ""
        return ";".join(
            f"sentinel://{login}{host}:{port}/{self.database}" for host, port in self.hosts
        )


def sentinels(url: str) -> Sentinels | None:
    """Read `sentinel://[:password@]host:port;sentinel://host2:port/0`; None for another scheme.

    Credentials and database may stand in any of the parts. Raises ConfigError.
    """
    if not url.startswith("sentinel://"):
        return None
    try:
        parts = [urlsplit(part.strip()) for part in url.split(";") if part.strip()]
        hosts = tuple((part.hostname or "", part.port or SENTINEL_PORT) for part in parts)
        database = int(next((part.path[1:] for part in parts if part.path[1:]), "0"))
    except ValueError as problem:
        raise ConfigError(f"REDIS_URL: {_FORM}") from problem
    if not all(host for host, _ in hosts):
        raise ConfigError(f"REDIS_URL: {_FORM}")
    login = next((part for part in parts if part.password), None)
    return Sentinels(
        hosts,
        unquote(login.username) if login and login.username else None,
        unquote(login.password) if login and login.password else None,
        database,
    )


_FORM = "write sentinels as sentinel://:password@host:26379;sentinel://host2:26379/0"


def sentinel_login() -> dict[str, Any]:
    """How the sentinels themselves let us in; the master's password is not shown to them."""
    password = settings().redis_sentinel_password.get_secret_value()
    return {"username": None, "password": password or None}


def client() -> redis.Redis:
    """The client of this process."""
    return _client_of(os.getpid(), settings().redis())


def broker_client() -> redis.Redis:
    """The client for the queues, where Redis or Valkey holds them."""
    return _client_of(os.getpid(), settings().broker())


def run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Run a script by its digest; the server is sent the text when it does not know it."""
    server: Any = client()
    try:
        return server.evalsha(_digest(script), len(keys), *keys, *arguments)
    except redis.exceptions.NoScriptError:
        return server.eval(script, len(keys), *keys, *arguments)


@functools.cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


@functools.cache
def _client_of(pid: int, url: str) -> redis.Redis:
    patience = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}
    known = sentinels(url)
    if known is None:
        return redis.Redis.from_url(url, **patience)
    options: dict[str, Any] = {"sentinel_kwargs": {**patience, **sentinel_login()}, **patience}
    watch: Any = Sentinel(known.hosts, **options)  # type: ignore[no-untyped-call]
    master: redis.Redis = watch.master_for(
        settings().redis_sentinel_master,
        username=known.username,
        password=known.password,
        db=known.database,
    )
    return master
