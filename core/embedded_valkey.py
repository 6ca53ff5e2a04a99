"""The embedded Valkey: its configuration and the command that runs it."""

from __future__ import annotations

import signal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.embedded_wheels import binary
from core.errors import StartError
from core.home import Home, write_private
from core.tether import tethered


def redis_url(home: Home, port: int) -> str:
    """URL of the embedded server, password included."""
    return f"redis://:{home.secret('valkey-password')}@127.0.0.1:{port}/0"


def valkey_command(home: Home, port: int) -> tuple[str, ...]:
    """What runs the server in the foreground; SIGTERM stops it. Writes its configuration."""
    folder = str(home.valkey).replace("\\", "\\\\").replace('"', '\\"')
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        f"requirepass {home.secret('valkey-password')}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "set-proc-title no",
        "daemonize no",
        'logfile ""',
    )
    configuration = home.valkey / "valkey.conf"
    write_private(configuration, "\n".join(lines) + "\n")
    return tethered((binary("valkey-server"), str(configuration)), signum=signal.SIGTERM)


def valkey_answers(home: Home, port: int) -> bool:
    """Whether the server takes commands."""
    once = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(redis_url(home, port), socket_timeout=2, retry=once) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError as problem:
            raise StartError(
                f"Valkey refuses the password in {home.secrets}; is another server on port {port}?"
            ) from problem
        except redis.RedisError:
            return False
