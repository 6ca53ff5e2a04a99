from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import BadInput
from reports.period import MOST_BUCKETS, between, last_complete


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "zone", "now", "start", "end"),
    [
        ("day", "UTC", "2026-03-10T08:00", "2026-03-09T00:00", "2026-03-10T00:00"),
        ("day", "Asia/Tokyo", "2026-03-09T15:30", "2026-03-08T15:00", "2026-03-09T15:00"),
        ("week", "UTC", "2026-03-09T00:00", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("week", "UTC", "2026-03-08T23:59", "2026-02-23T00:00", "2026-03-02T00:00"),
        ("month", "UTC", "2026-01-31T12:00", "2025-12-01T00:00", "2026-01-01T00:00"),
        ("month", "Europe/Berlin", "2026-04-01T06:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("6h", "UTC", "2026-03-10T08:00", "2026-03-10T02:00", "2026-03-10T08:00"),
    ],
)
def test_the_newest_complete_period(kind: str, zone: str, now: str, start: str, end: str) -> None:
    found = last_complete(kind, at(now), zone)
    assert (found.start, found.end) == (at(start), at(end))


def test_a_day_with_a_change_of_clocks_has_23_hours() -> None:
    day = last_complete("day", at("2026-03-30T06:00"), "Europe/Berlin")
    assert day.length == timedelta(hours=23)
    assert len(day.edges()) == 23


def test_the_period_before_ends_where_this_one_begins() -> None:
    for kind in ("day", "week", "month", "36h"):
        period = last_complete(kind, at("2026-03-30T06:00"), "Europe/Berlin")
        assert period.before.end == period.start
    assert last_complete("month", at("2026-03-30T06:00"), "UTC").before.length == timedelta(days=31)


@pytest.mark.parametrize(
    ("kind", "zone", "label"),
    [
        ("day", "UTC", "Sunday, 29 March 2026"),
        ("week", "Europe/Berlin", "23 to 29 March 2026"),
        ("month", "UTC", "February 2026"),
        ("14d", "UTC", "2026-03-16 06:00 to 2026-03-30 06:00"),
    ],
)
def test_a_label_is_read_on_local_clocks(kind: str, zone: str, label: str) -> None:
    assert last_complete(kind, at("2026-03-30T06:00"), zone).label == label


def test_a_label_across_months_and_years_names_both() -> None:
    assert last_complete("week", at("2026-04-06T06:00"), "UTC").label == "30 March to 5 April 2026"
    week = last_complete("week", at("2027-01-04T06:00"), "UTC")
    assert week.label == "28 December 2026 to 3 January 2027"


@pytest.mark.parametrize("kind", ["1m", "10m", "6h", "day", "3d", "week", "month", "90d", "366d"])
def test_buckets_begin_at_the_start_and_stay_few(kind: str) -> None:
    period = last_complete(kind, at("2026-03-31T06:00"), "Europe/Berlin")
    edges = period.edges()
    assert edges[0] == period.start
    assert edges[-1] < period.end
    assert len(edges) <= MOST_BUCKETS


def test_buckets_of_days_begin_at_local_midnight() -> None:
    march = last_complete("month", at("2026-04-01T06:00"), "Europe/Berlin")
    assert {march.local(edge).hour for edge in march.edges()} == {0}


@pytest.mark.parametrize("kind", ["", "fortnight", "1", "10s", "367d", "9999999999999d", "-1d"])
def test_what_is_no_period_is_refused(kind: str) -> None:
    with pytest.raises(BadInput):
        last_complete(kind, at("2026-03-30T06:00"), "UTC")


def test_a_span_must_not_be_empty_or_reversed() -> None:
    now = at("2026-03-30T06:00")
    for end in (now, now - timedelta(days=1), now + timedelta(days=367)):
        with pytest.raises(BadInput, match="a minute to 366 days"):
            between(now, end)
