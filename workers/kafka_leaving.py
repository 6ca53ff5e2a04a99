"""How a consumer leaves its group: out of it first, and the client closed only then.

The client's `close()` must not meet a rebalance. While an answer to "give these back" is still to
come, `close()` asks for all partitions once more. The first answer already ends the membership, and
after the second callback the binding asks the group for its protocol: of a group that is being
taken down and no longer answers, without a time limit and with the interpreter's lock held. A
commit in that callback makes it likely, since the group waits for nothing else. See
https://github.com/confluentinc/librdkafka/issues/4041 and
https://github.com/confluentinc/confluent-kafka-go/issues/1016.
`unsubscribe()` waits for a rebalance that runs and then asks once.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

COMMIT_SECONDS, LEAVE_SECONDS = 1.0, 2.0
"""`sentinel up` kills who needs longer than four in all."""
ROUND_SECONDS = 0.05
MESSAGES = 500
LAST_SECONDS = 15.0


def leave(client: Any, owing: Callable[[], bool]) -> bool:
    """Wait until nothing is `owing` to Kafka, then leave the group; false where that took too long.

    What is read meanwhile is dropped: it is not stored, so the next member reads it.
    """
    _serve(client, owing, COMMIT_SECONDS)
    client.unsubscribe()
    return not _serve(client, lambda: client.memberid() is not None, LEAVE_SECONDS)


def _serve(client: Any, waiting: Callable[[], bool], seconds: float) -> bool:
    """Answer the group while `waiting`; true where it still is at the end."""
    end = time.monotonic() + seconds
    while (still := waiting()) and time.monotonic() < end:
        client.consume(MESSAGES, ROUND_SECONDS)
    return still


@contextmanager
def bounded() -> Iterator[None]:
    """End this process with status 1 if it has not left in LAST_SECONDS.

    No thread or handler of Python's could: the client may wait with the interpreter's lock held.
    Nothing is lost by it; the others notice after a session's time.
    """
    faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
