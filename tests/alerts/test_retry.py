from __future__ import annotations

import pytest
from alert_cases import NOW, at

from alerts.retry import Retry, next_attempt
from core.errors import DeliveryError

RETRY = Retry(first=5, factor=2, longest=60, attempts=6, patience=600)


@pytest.mark.parametrize(
    ("attempts", "retry_after", "seconds"),
    [
        (1, None, 5),
        (2, None, 10),
        (4, None, 40),
        (5, None, 60),
        (6, None, None),
        (7, None, None),
        (1, 30.0, 30),
        (1, 0.0, 5),
        (4, 7.0, 40),
        (1, 9999.0, 600),
        (6, 30.0, None),
    ],
)
def test_waits_grow_to_a_cap_and_obey_the_peer(
    attempts: int, retry_after: float | None, seconds: float | None
) -> None:
    error = DeliveryError("busy", permanent=False, retry_after=retry_after)
    expected = None if seconds is None else at(seconds)
    assert next_attempt(RETRY, attempts, error, NOW) == expected


def test_a_permanent_error_is_not_tried_again() -> None:
    assert next_attempt(RETRY, 1, DeliveryError("no", permanent=True), NOW) is None
