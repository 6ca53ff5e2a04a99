"""Telemetry that was accepted and is not in PostgreSQL yet: batches in Valkey until the commit.

A batch stands in `BATCHES` under a key that ends with its number of events. Its key is either in
the list `READY` or, while a worker stores it, in `TAKEN`; every step is one script, so whatever
dies in between, worker or server, no batch is in neither. What a dead worker had taken goes back
after a lease. A message to the io workers is only a bell: none is needed while a worker looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json
from redis.exceptions import RedisError

from core import valkey
from core.errors import BrokerDown, BufferFull
from core.ids import new_id
from core.settings import settings
from workers import event_lines
from workers.app import KEY_PREFIX

_OURS = f"{KEY_PREFIX}telemetry:"
BATCHES = f"{_OURS}batches"
READY = f"{_OURS}ready"
TAKEN = f"{_OURS}taken"
EVENTS = f"{_OURS}events"
AWAKE = f"{_OURS}awake"
AWAKE_MS = 3000
LEASE_SECONDS = 20.0
REJECTED = "r"
"""Ends the key of a batch of rejects."""

OLDER_BATCHES = f"{_OURS}pending"
OLDER_SINCE = f"{_OURS}pending-since"
"""Where the version before keeps a second copy of what its messages carry."""
OVERDUE_SECONDS = 8.0
AT_ONCE = 20

_KEEP = """
local waiting = tonumber(redis.call('GET', KEYS[3]) or '0')
local total = tonumber(ARGV[2])
if waiting > 0 and waiting + total > tonumber(ARGV[1]) then return -1 end
local idle = redis.call('LLEN', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[4]) == 0
for i = 3, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('RPUSH', KEYS[2], ARGV[i])
end
redis.call('INCRBY', KEYS[3], total)
return idle and 1 or 0
"""
_TAKE = """
local found, events = {0}, 0
if ARGV[3] == '0' then redis.call('DEL', KEYS[4])
else redis.call('SET', KEYS[4], 1, 'PX', ARGV[3]) end
while events < tonumber(ARGV[1]) do
    local key = redis.call('LPOP', KEYS[2])
    if not key then break end
    local content = redis.call('HGET', KEYS[1], key)
    if content then
        redis.call('ZADD', KEYS[3], ARGV[2], key)
        table.insert(found, key)
        table.insert(found, content)
        events = events + tonumber(string.match(key, '%.(%d+)'))
    end
end
found[1] = redis.call('LLEN', KEYS[2])
return found
"""
_FORGET = """
for _, key in ipairs(ARGV) do
    redis.call('ZREM', KEYS[2], key)
    if redis.call('HDEL', KEYS[1], key) == 1 then
        redis.call('DECRBY', KEYS[3], tonumber(string.match(key, '%.(%d+)')))
    end
end
return 0
"""
_RETURN = """
for i = #ARGV, 1, -1 do
    if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
        redis.call('LPUSH', KEYS[2], ARGV[i])
    end
end
redis.call('DEL', KEYS[3])
return 0
"""
_LOST = """
local late = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, key in ipairs(late) do
    redis.call('ZREM', KEYS[1], key)
    redis.call('LPUSH', KEYS[2], key)
end
return {#late, redis.call('LLEN', KEYS[2]), redis.call('EXISTS', KEYS[3])}
"""


class Batch(NamedTuple):
    """A batch of events, or of rejects, and the key under which it waits."""

    key: str
    lines: list[str]

    @property
    def rejected(self) -> bool:
        """Whether these are rejects."""
        return self.key.endswith(REJECTED)


def new_key(events: int, kind: str = "") -> str:
    """The key of a new batch; keys sort by the time of their making."""
    return f"{new_id().hex}.{events}{kind}"


def keep(batches: Mapping[str, bytes], events: int) -> bool:
    """Let batches wait; whether a bell must be rung for them. Raises BufferFull and BrokerDown.

    Past EVENT_BUFFER_SIZE nothing is kept; into an empty buffer goes a post of any size.
    """
    flat = [part for key, content in batches.items() for part in (key, content)]
    limit = settings().event_buffer_size
    answer = _run(_KEEP, (BATCHES, READY, EVENTS, AWAKE), (limit, events, *flat))
    if answer < 0:
        raise BufferFull()
    return bool(answer)


def take(events: int, *, last: bool = False) -> tuple[list[Batch], int]:
    """The oldest batches, of about so many events, and how many batches are left.

    No bell is needed for what comes in the next seconds, unless this is the `last` look. Raises
    BrokerDown.
    """
    keys = (BATCHES, READY, TAKEN, AWAKE)
    left, *flat = _run(_TAKE, keys, (events, time.time(), 0 if last else AWAKE_MS))
    taken = zip(flat[::2], flat[1::2], strict=True)
    return [Batch(key.decode(), event_lines.split(content)) for key, content in taken], left


def forget(keys: Iterable[str]) -> None:
    """Drop batches whose rows are stored; one that stays is stored again and counts once."""
    try:
        _run(_FORGET, (BATCHES, TAKEN, EVENTS), list(keys))
    except BrokerDown:
        return


def give_back(keys: Sequence[str]) -> None:
    """Put batches that could not be stored now back where they were taken."""
    try:
        _run(_RETURN, (TAKEN, READY, AWAKE), keys)
    except BrokerDown:
        return


def recover() -> tuple[int, bool]:
    """Make ready again what a dead worker had taken; how many batches that was, and whether any
    waits that nobody looks at. Raises BrokerDown.
    """
    late = time.time() - LEASE_SECONDS
    lost, ready, awake = _run(_LOST, (TAKEN, READY, AWAKE), (late, 1000))
    return lost, bool(ready and not awake)


def waiting() -> int:
    """Events that wait to be stored. Raises BrokerDown."""
    return int(_guarded(lambda: valkey.client().get(EVENTS)) or 0)


def older() -> dict[str, list[str]]:
    """Lines of batches of the version before whose message seems lost. Raises BrokerDown."""
    client: Any = valkey.client()
    late = time.time() - OVERDUE_SECONDS
    found = _guarded(
        lambda: client.zrange(OLDER_SINCE, "-inf", late, byscore=True, offset=0, num=AT_ONCE)
    )
    if not found:
        return {}
    bodies = _guarded(lambda: client.hmget(OLDER_BATCHES, found))
    return {
        key.decode(): [event_lines.of_row(row) for row in from_json(body)] if body else []
        for key, body in zip(found, bodies, strict=True)
    }


def forget_older(key: str) -> None:
    """Drop the copy that the version before kept."""

    def drop() -> None:
        with valkey.client().pipeline(transaction=True) as pipe:
            pipe.hdel(OLDER_BATCHES, key)
            pipe.zrem(OLDER_SINCE, key)
            pipe.execute()

    _guarded(drop)


def _run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    return _guarded(lambda: valkey.run(script, keys, arguments))


def _guarded(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RedisError as problem:
        raise BrokerDown() from problem
