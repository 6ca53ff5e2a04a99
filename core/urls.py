"""URLs of the stores: which schemes are taken, and in which form a library wants them."""

from __future__ import annotations

from urllib.parse import quote

REDIS_SCHEMES = ("redis", "rediss", "sentinel")
AMQP_SCHEMES = ("amqp", "amqps")


def demand_scheme(name: str, url: str, allowed: tuple[str, ...]) -> None:
    """Refuse a URL over which the farm would fail later. The URL itself, a secret, is not shown.

    Raises ValueError naming the setting.
    """
    parts = [part for part in url.split(";") if part]
    schemes = {part.partition("://")[0] if "://" in part else "" for part in parts}
    if wrong := sorted(schemes - set(allowed)):
        raise ValueError(
            f"{name} begins with {wrong[0]!r}; use {', '.join(f'{one}://' for one in allowed)}"
            " (Redis Cluster cannot hold the queues; see docs/brokers.md)"
        )
    if len(parts) > 1 and (len(schemes) > 1 or schemes & {"redis", "rediss"}):
        raise ValueError(
            f"{name} lists several servers; that is for sentinel:// and RabbitMQ,"
            " all with the same scheme"
        )


def with_password(url: str, password: str) -> str:
    """The URL with this password where it carries none of its own."""
    scheme, _, rest = url.partition("://")
    if password and "@" not in rest:
        return f"{scheme}://:{quote(password, safe='')}@{rest}"
    return url


def for_sqlalchemy(url: str) -> str:
    """A PostgreSQL URL with the driver named."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    return url
