"""Group commit: concurrent callers share a hand-over, and a fault reaches whom it concerns."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from core.errors import BrokerDown, BufferFull
from workers.grouping import Groups


class Slow:
    """A hand-over that lasts until it is let go; what it was given, call by call."""

    def __init__(self, fault: Exception | None = None, room: int = 10**6) -> None:
        self.calls: list[list[str]] = []
        self.fault, self.room = fault, room
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, lines: Sequence[str]) -> None:
        self.calls.append(list(lines))
        self.begun.set()
        assert self.go.wait(10)
        if self.fault and len(self.calls) > 1:
            raise self.fault
        if len(lines) > self.room:
            raise BufferFull


def together(slow: Slow, callers: Sequence[Sequence[str]], limit: int = 100) -> list[str]:
    """One caller whose hand-over lasts until all others wait; how each of the others ended."""
    groups, ended = Groups(slow, limit), []

    def call(lines: Sequence[str]) -> None:
        try:
            groups.add(lines)
            ended.append("done")
        except (BrokerDown, BufferFull) as problem:
            ended.append(type(problem).__name__)

    first = threading.Thread(target=groups.add, args=(["first"],))
    first.start()
    assert slow.begun.wait(10)
    others = [threading.Thread(target=call, args=(lines,)) for lines in callers]
    for thread in others:
        thread.start()
    while len(groups._parts) < len(others):
        threading.Event().wait(0.001)
    slow.go.set()
    for thread in (first, *others):
        thread.join(10)
    return sorted(ended)


def test_the_first_goes_alone_and_those_who_came_meanwhile_go_together() -> None:
    slow = Slow()
    assert together(slow, [["a"], ["b", "c"], ["d"]]) == ["done"] * 3
    assert (slow.calls[0], sorted(slow.calls[1])) == (["first"], ["a", "b", "c", "d"])


def test_a_group_has_its_limit() -> None:
    slow = Slow()
    assert together(slow, [["a"] * 3, ["b"] * 3, ["c"] * 3], limit=6) == ["done"] * 3
    assert [len(call) for call in slow.calls] == [1, 6, 3]


def test_a_broker_that_is_down_is_told_to_everybody_of_the_group() -> None:
    assert together(Slow(BrokerDown()), [["a"], ["b"]]) == ["BrokerDown"] * 2


def test_where_the_group_has_no_room_each_is_tried_for_itself() -> None:
    slow = Slow(room=2)
    assert together(slow, [["a"], ["b"] * 5, ["c"]]) == ["BufferFull", "done", "done"]


def test_after_a_fault_the_next_caller_leads() -> None:
    slow = Slow(BrokerDown())
    slow.go.set()
    groups = Groups(slow, 10)
    groups.add(["a"])
    for _ in range(2):
        with pytest.raises(BrokerDown):
            groups.add(["b"])
    assert len(slow.calls) == 3


def test_who_is_coming_is_waited_for_and_goes_along() -> None:
    slow = Slow()
    slow.go.set()
    groups, here = Groups(slow, 10), threading.Event()

    def come() -> None:
        with groups.coming():
            here.set()
            while not groups._parts:
                threading.Event().wait(0.0001)
            groups.add(["second"])

    other = threading.Thread(target=come)
    other.start()
    assert here.wait(10)
    groups.add(["first"])
    other.join(10)
    assert sorted(line for call in slow.calls for line in call) == ["first", "second"]
    assert groups._coming == set()


def test_who_comes_alone_or_leaves_without_adding_is_not_waited_for() -> None:
    slow = Slow()
    slow.go.set()
    groups = Groups(slow, 10)
    with groups.coming():
        pass
    with groups.coming():
        groups.add(["a"])
        assert groups._coming == set()
    assert slow.calls == [["a"]]
