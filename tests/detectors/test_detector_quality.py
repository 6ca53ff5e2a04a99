"""Small versions of what `python -m ops.quality.detectors` measures."""

from __future__ import annotations

import pytest

from detectors.config import load_detectors
from ops.quality.detectors import FAULTS, Traffic, clean, fault

BUSY = Traffic(0.7, rate=60.0)
ENTRIES = {spec.id: spec for spec in load_detectors()}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_hardly_ever_alarms_on_clean_traffic(entry: str) -> None:
    found = clean(ENTRIES[entry], BUSY, days=3, seed=11)
    assert found.windows >= 100
    assert found.share < 0.01


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_within_two_windows_from_the_first_hour_on(name: str) -> None:
    found = fault(list(ENTRIES.values()), name, BUSY, hours=1.0, seeds=4)
    assert found.found == found.tries
