"""Group commit in the process that accepts: what arrives while one hand-over runs shares the next.

Who comes while a hand-over runs goes with the next one. A hand-over that others are about to join,
because they are `coming`, waits for them for two milliseconds at most, and for nobody else. Each
returns when its own group is handed over, or with its fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.errors import BufferFull, SentinelError

GATHER_SECONDS = 0.002


@dataclass(slots=True)
class _Part:
    """One caller: its lines, and how it went."""

    lines: Sequence[str]
    leads: bool = False
    fault: Exception | None = None
    turn: threading.Event = field(default_factory=threading.Event)


class Groups:
    """Hands over the lines of many callers together, by `hand_over`, about `limit` at a time."""

    def __init__(self, hand_over: Callable[[Sequence[str]], None], limit: int) -> None:
        self._hand_over = hand_over
        self._limit = limit
        self._lock = threading.Lock()
        self._arrival = threading.Condition(self._lock)
        self._parts: list[_Part] = []
        self._busy = False
        self._coming: set[int] = set()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """This thread is about to `add`; it is waited for until it does or leaves the block."""
        mine = threading.get_ident()
        with self._lock:
            self._coming.add(mine)
        try:
            yield
        finally:
            with self._lock:
                self._came(mine)

    def _came(self, thread: int) -> None:
        self._coming.discard(thread)
        if not self._coming:
            self._arrival.notify()

    def add(self, lines: Sequence[str]) -> None:
        """Return when these are handed over. Raises what the hand-over raised."""
        mine = _Part(lines)
        with self._lock:
            self._parts.append(mine)
            self._came(threading.get_ident())
            mine.leads, self._busy = not self._busy, True
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._lead()
        if mine.fault is not None:
            raise mine.fault

    def _lead(self) -> None:
        """Hand over the oldest parts, whose first is the caller's, and pass the lead on."""
        group = self._next()
        try:
            self._together(group)
        finally:
            with self._lock:
                heir = self._parts[0] if self._parts else None
                if heir:
                    heir.leads = True
                else:
                    self._busy = False
            for part in group[1:]:
                part.turn.set()
            if heir:
                heir.turn.set()

    def _next(self) -> list[_Part]:
        with self._lock:
            if self._coming:
                self._arrival.wait(GATHER_SECONDS)
            lines = count = 0
            for part in self._parts:
                if count and lines + len(part.lines) > self._limit:
                    break
                lines += len(part.lines)
                count += 1
            group, self._parts = self._parts[:count], self._parts[count:]
        return group

    def _together(self, group: list[_Part]) -> None:
        """One hand-over; where the buffer has no room for all, each is tried for itself."""
        try:
            self._hand_over([line for part in group for line in part.lines])
        except BufferFull as problem:
            if len(group) == 1:
                group[0].fault = problem
                return
            for part in group:
                self._together([part])
        except SentinelError as problem:
            for part in group:
                part.fault = problem
        except BaseException:
            for part in group:
                part.fault = part.fault or SentinelError()
            raise
