"""The line of an event is COPY text that gives back what went in."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.telemetry import Event, Reject
from workers import event_lines

TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20
)
NOW = datetime(2025, 11, 6, 12, tzinfo=UTC)


@given(TEXT, TEXT, st.none() | TEXT, st.none() | TEXT)
def test_fields_come_back_as_they_went(
    event: str, application: str, model: str | None, prompt: str | None
) -> None:
    given_event = Event(event, NOW, "metric", application, "success", model=model, prompt=prompt)
    line = event_lines.of_event(given_event, "a tenant", NOW.isoformat())
    (again,) = event_lines.split(event_lines.joined([line]))
    key, ts, tenant, *fields = again.split("\t")
    assert key == event_lines.key("a tenant", application, event)
    assert (ts, tenant) == (NOW.isoformat(), "a tenant")
    assert [event_lines.plain(one) for one in fields[:2]] == [application, event]
    assert fields[3] == event_lines.NULL if model is None else event_lines.plain(fields[3]) == model
    assert len(fields) == len(event_lines.COLUMNS) - 2 + (0 if prompt is None else 2)


def test_the_key_of_another_tenant_application_or_event_is_another() -> None:
    names = [("a", "b", "c"), ("a", "bc", ""), ("ab", "c", ""), ("a", "", "bc")]
    assert len({event_lines.key(*each) for each in names}) == 4


def test_a_reject_of_anything_is_one_line_that_postgresql_takes() -> None:
    reject = Reject(3, "why\nso", "a\tfield", "nul \0, half \ud800, \\ " * 900, "http")
    line = event_lines.of_reject(reject, "t", NOW, "0" * 32)
    fields = line.split("\t")
    assert (len(fields), "\n" in line, "\0" in line) == (
        len(event_lines.REJECT_COLUMNS),
        False,
        False,
    )
    assert line.encode()
    assert len(event_lines.plain(fields[-1])) == event_lines.BODY_LIMIT
