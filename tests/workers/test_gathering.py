"""How long a worker lets events come before it looks again."""

from __future__ import annotations

import pytest

from workers.ingestion import gathering


@pytest.mark.parametrize(
    ("spent", "waits"), [(0.0, 0.02), (0.005, 0.02), (0.05, 0.1), (0.5, 0.25), (30.0, 0.25)]
)
def test_the_longer_storing_took_the_longer_events_gather(spent: float, waits: float) -> None:
    assert gathering(spent) == pytest.approx(waits)
