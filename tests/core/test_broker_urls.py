"""Which broker URLs are taken, what is read from them, and which are refused at start."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.settings import load
from core.valkey import Sentinels, sentinels

LOGIN = {"username": None, "password": "p w"}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://h/0", None),
        ("sentinel://a", Sentinels((("a", 26379),))),
        (
            "sentinel://:p%20w@a:1;sentinel://b:2/3",
            Sentinels((("a", 1), ("b", 2)), **LOGIN, database=3),
        ),
        (
            "sentinel://a:1/2;sentinel://:p%20w@b:2",
            Sentinels((("a", 1), ("b", 2)), **LOGIN, database=2),
        ),
    ],
)
def test_what_a_sentinel_url_says(url: str, found: Sentinels | None) -> None:
    assert sentinels(url) == found


def test_every_sentinel_gets_the_credentials_and_the_database() -> None:
    found = sentinels("sentinel://:p%2Fw@a:1;sentinel://b:2/3")
    assert found is not None
    assert found.kombu_url() == "sentinel://:p%2Fw@a:1/3;sentinel://:p%2Fw@b:2/3"


@pytest.mark.parametrize("url", ["sentinel://a:x", "sentinel://a/db", "sentinel://:p@/0"])
def test_a_sentinel_url_that_cannot_be_read_says_how_to_write_it(url: str) -> None:
    with pytest.raises(ConfigError, match="write sentinels as sentinel://"):
        sentinels(url)


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("redis+cluster://:secret@h", "redis+cluster"),
        ("rediscluster://h", "rediscluster"),
        ("unix:///tmp/s", "unix"),
        ("h:6379", ""),
    ],
)
@pytest.mark.parametrize("setting", ["redis_url", "broker_url"])
def test_a_cluster_or_unknown_scheme_is_refused_and_not_shown(
    setting: str, url: str, begins: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(**{setting: url})
    assert str(refused.value).startswith(f"{setting.upper()} begins with {begins!r}; use ")
    assert "Redis Cluster cannot hold the queues" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://a;redis://b", "amqp://a;amqps://b"])
def test_a_list_of_servers_is_for_sentinels_and_for_one_kind_of_rabbitmq(url: str) -> None:
    with pytest.raises(ConfigError, match="BROKER_URL lists several servers"):
        load(broker_url=url)


@pytest.mark.parametrize(
    ("broker", "url", "rabbitmq"),
    [
        ("", "redis://:a%2Fb@h", False),
        ("redis://other/1", "redis://other/1", False),
        ("amqp://h", "amqp://h", True),
        ("amqps://h;amqps://i", "amqps://h;amqps://i", True),
    ],
)
def test_the_broker_is_redis_unless_another_is_named(broker: str, url: str, rabbitmq: bool) -> None:
    chosen = load(redis_url="redis://h", redis_password="a/b", broker_url=broker)
    assert (chosen.broker(), chosen.amqp) == (url, rabbitmq)
    assert chosen.redis() == "redis://:a%2Fb@h"
