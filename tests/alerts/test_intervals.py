from __future__ import annotations

from datetime import datetime

import pytest

from alerts.config import parse_alerts
from core.errors import ConfigError

TEXT = """
route: {receiver: a, routes: [{receiver: a, matchers: [x=y], mute_time_intervals: [i]}]}
receivers: [{name: a}]
time_intervals: [{name: i, time_intervals: [%s]}]
"""


@pytest.mark.parametrize(
    ("interval", "moment", "within"),
    [
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-03-02T09:00Z", True),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-03-02T16:59:59Z", True),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-03-02T17:00Z", False),
        ("{times: [{start_time: '22:00', end_time: '24:00'}]}", "2026-03-02T23:59Z", True),
        ("{weekdays: ['monday:friday']}", "2026-03-02T12:00Z", True),
        ("{weekdays: ['monday:friday']}", "2026-03-01T12:00Z", False),
        ("{weekdays: [Sunday]}", "2026-03-01T12:00Z", True),
        ("{days_of_month: ['-1']}", "2026-02-28T12:00Z", True),
        ("{days_of_month: ['-1']}", "2028-02-28T12:00Z", False),
        ("{days_of_month: ['30:31']}", "2026-02-28T12:00Z", False),
        ("{days_of_month: ['-3:-1']}", "2026-04-28T12:00Z", True),
        ("{days_of_month: ['25:31']}", "2026-02-28T12:00Z", True),
        ("{months: ['january:march', 12]}", "2026-12-05T12:00Z", True),
        ("{months: ['january:march', 12]}", "2026-04-05T12:00Z", False),
        ("{years: [2026, '2030:2031']}", "2026-04-05T12:00Z", True),
        ("{years: ['2030:2031']}", "2026-04-05T12:00Z", False),
        ("{location: Asia/Kathmandu, weekdays: [monday]}", "2026-03-01T18:15Z", True),
        ("{location: Asia/Kathmandu, weekdays: [monday]}", "2026-03-01T18:14Z", False),
        (
            "{location: Europe/Berlin, times: [{start_time: '08:00', end_time: '09:00'}]}",
            "2026-07-01T06:30Z",
            True,
        ),
        (
            "{location: Europe/Berlin, times: [{start_time: '08:00', end_time: '09:00'}]}",
            "2026-01-01T06:30Z",
            False,
        ),
        ("{months: [5], weekdays: [monday]}", "2026-05-05T12:00Z", False),
        ("{weekdays: []}", "2026-05-05T12:00Z", False),
        ("{}", "2026-05-05T12:00Z", True),
    ],
)
def test_all_fields_of_an_interval_must_fit(interval: str, moment: str, within: bool) -> None:
    (found,) = parse_alerts(TEXT % interval).intervals["i"]
    assert found.contains(datetime.fromisoformat(moment)) == within


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ("{weekday: [monday]}", "'weekdays'"),
        ("{weekdays: [mondai]}", "'monday'"),
        ("{weekdays: ['friday:monday']}", "before the start"),
        ("{days_of_month: ['0']}", "1 to 31"),
        ("{days_of_month: ['-1:5']}", "end of the month"),
        ("{days_of_month: ['20:-20']}", "before the start"),
        ("{months: [jan]}", "'january'"),
        ("{times: [{start_time: '9:00', end_time: '10:00'}]}", "quotes"),
        ("{times: [{start_time: '22:00', end_time: '06:00'}]}", "midnight"),
        ("{location: Europe/Belin}", "'Europe/Berlin'"),
    ],
)
def test_a_mistake_in_an_interval_names_line_and_nearest_word(interval: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_alerts(TEXT % interval, "my.yaml")
    assert "my.yaml:4: time_intervals[0]" in str(caught.value)
    assert words in str(caught.value)
