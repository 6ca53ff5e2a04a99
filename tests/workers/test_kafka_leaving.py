"""How a consumer leaves its group: what is owed first, then out of it, the client last."""

from __future__ import annotations

import pytest

from workers import kafka_leaving

ROUNDS = 3


class Client:
    """A member whose group answers each request after some rounds, if it is asked at all."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._left = ROUNDS

    def consume(self, _messages: int, _seconds: float) -> list[object]:
        self.said.append("consume")
        self._left -= "unsubscribe" in self.said
        return [object()]

    def unsubscribe(self) -> None:
        self.said.append("unsubscribe")

    def memberid(self) -> str | None:
        return "member" if self._left > 0 else None


def test_what_is_owed_is_waited_for_and_then_the_end_of_the_membership() -> None:
    client, owed = Client(), [True, True, False]
    assert kafka_leaving.leave(client, lambda: owed.pop(0))
    assert client.said == ["consume"] * 2 + ["unsubscribe"] + ["consume"] * ROUNDS


def test_neither_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_leaving, "COMMIT_SECONDS", 0)
    monkeypatch.setattr(kafka_leaving, "LEAVE_SECONDS", 0)
    client = Client()
    assert not kafka_leaving.leave(client, lambda: True)
    assert client.said == ["unsubscribe"]
