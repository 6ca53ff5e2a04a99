from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import BadInput
from reports.schedule import carrier, demand_receivers, parse

KNOWN = {"chat": "slack", "mail": "email", "other-mail": "email", "pager": "pagerduty"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(**given: Any) -> Any:
    return parse({"name": "weekly", "cron": "0 8 * * MON", **given})


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("UTC", "2026-03-09T08:00:00", "2026-03-09T08:00"),
        ("UTC", "2026-03-09T07:59:59", "2026-03-02T08:00"),
        ("UTC", "2026-03-15T23:00:00", "2026-03-09T08:00"),
        ("Europe/Berlin", "2026-03-09T07:00:00", "2026-03-09T07:00"),
        ("Europe/Berlin", "2026-03-30T06:00:00", "2026-03-30T06:00"),
    ],
)
def test_a_report_is_due_when_its_cron_came_on_local_clocks(zone: str, now: str, due: str) -> None:
    assert schedule(timezone=zone).due(at(now)) == at(due)


def test_microseconds_do_not_hide_a_due_moment() -> None:
    now = at("2026-03-09T08:00:00").replace(microsecond=500)
    assert schedule().due(now) == at("2026-03-09T08:00")


def test_the_next_one_comes_after_now() -> None:
    assert schedule().next(at("2026-03-09T08:00")) == at("2026-03-16T08:00")


def test_a_moment_that_the_clocks_leave_out_is_due_all_the_same() -> None:
    nightly = schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    assert nightly.due(at("2026-03-29T12:00")).date() == at("2026-03-29").date()


def test_a_rare_moment_is_looked_for_over_years() -> None:
    rare = schedule(cron="0 0 29 2 *")
    assert rare.due(at("2027-06-01T00:00:00")) == at("2024-02-29T00:00")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"crn": "* * * * *"}, "crn", "unknown key 'crn'; did you mean 'cron'?"),
        ({"cron": "0 8 * *"}, "cron", "has 4 fields; write five"),
        ({"cron": "0 25 * * *"}, "cron", "bad hour"),
        ({"cron": "0 0 31 2 *"}, "cron", "bad day-of-month"),
        ({"timezone": "Europe/Berlinn"}, "timezone", "did you mean 'Europe/Berlin'?"),
        ({"timezone": "../etc/passwd"}, "timezone", "there is no time zone"),
        ({"period": "weak"}, "period", "did you mean 'week'?"),
        ({"period": "7"}, "period", "write day, week, month, or a duration"),
        ({"applications": ["a", "a"]}, "applications", "listed twice"),
        ({"applications": [7]}, "applications[0]", "must be a text"),
        ({"enabled": "yes"}, "enabled", "true or false"),
        ({"name": ""}, "name", "missing"),
        ({"name": "a/b"}, "name", "no slash"),
    ],
)
def test_bad_input_names_the_key_and_the_way_out(given: Any, field: str, says: str) -> None:
    with pytest.raises(BadInput) as problem:
        schedule(**given)
    assert problem.value.field == field
    assert says in str(problem.value)


@pytest.mark.parametrize(
    ("receiver", "says"),
    [
        ("chatt", "did you mean 'chat'?"),
        ("pager", "wakes nobody"),
        ("@example.com", "no mail address"),
        ("ann@example.com, bob@example.com", "no mail address"),
        ("ann@example.com\nBcc: all@example.com", "no mail address"),
    ],
)
def test_a_receiver_must_be_known_or_an_address(receiver: str, says: str) -> None:
    with pytest.raises(BadInput, match=says.replace("?", r"\?")):
        demand_receivers([receiver], None, KNOWN)


def test_known_receivers_and_addresses_are_taken() -> None:
    demand_receivers(["chat", "mail", "Ann <ann@example.com>"], None, KNOWN)


def test_addresses_go_by_the_named_mail_server_or_the_first() -> None:
    assert (carrier(None, KNOWN), carrier("other-mail", KNOWN)) == ("mail", "other-mail")
    with pytest.raises(BadInput, match="did you mean 'other-mail'"):
        carrier("othr-mail", KNOWN)
    with pytest.raises(BadInput, match="add one"):
        carrier(None, {"chat": "slack"})


def test_a_body_is_read_back_as_it_was() -> None:
    one = schedule(applications=["shop"], receivers=["mail"], mail_by="mail", title="T")
    assert parse(one.body()) == one
