"""Group commit in the process that accepts: what arrives while one hand-over runs shares the next.

Nobody waits for company: the first to come hands over at once, and those who come meanwhile go
together when it is done. Each returns when its own group is handed over, or with its fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.errors import BufferFull, SentinelError


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
        self._parts: list[_Part] = []
        self._busy = False

    def add(self, lines: Sequence[str]) -> None:
        """Return when these are handed over. Raises what the hand-over raised."""
        mine = _Part(lines)
        with self._lock:
            self._parts.append(mine)
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
