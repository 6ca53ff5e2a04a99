"""Whether a port can be had, and who holds it otherwise."""

from __future__ import annotations

import errno
import random
import socket

import psutil

from core.errors import StartError

_LOWEST, _HIGHEST = 20000, 32000
"""Below the range from which the system takes the ports of client sockets."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), 200):
        if _refusal(host, port) is None:
            return port
    raise StartError(f"no port between {_LOWEST} and {_HIGHEST} is free on {host}")


def demand_port(host: str, port: int, setting: str) -> None:
    """Raise StartError, naming the setting to change, unless `port` can be listened on."""
    problem = _refusal(host, port)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE:
        raise StartError(
            f"port {port} on {host} is taken{_holder(port)}; free it or set {setting} to another"
        )
    if problem.errno == errno.EACCES:
        raise StartError(f"port {port} needs root; set {setting} to one above 1023")
    raise StartError(f"cannot listen on {host}:{port} ({problem.strerror}); check GATEWAY_HOST")


def accepts(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _refusal(host: str, port: int) -> OSError | None:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OverflowError:
        return OSError(errno.EINVAL, "a port is a number from 1 to 65535")
    except OSError as problem:
        return problem
    return None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:2] == (port,):
                name = psutil.Process(connection.pid).name() if connection.pid else ""
                return f" by {name} (process {connection.pid})" if name else ""
    except psutil.Error:
        pass
    return ""
