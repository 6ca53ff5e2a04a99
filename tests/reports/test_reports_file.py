from __future__ import annotations

import pytest

from core.errors import ConfigError
from reports.config import parse_reports

KNOWN = {"mail": "email", "chat": "slack"}

GOOD = """
mail_by: mail
reports:
  - name: weekly
    cron: "0 8 * * MON"
    timezone: Europe/Berlin
    period: week
    receivers: [mail, ann@example.com]
  - {name: daily, cron: "0 7 * * *", period: day, applications: shop, receivers: chat}
"""


def test_a_file_of_two_schedules() -> None:
    weekly, daily = parse_reports(GOOD, KNOWN)
    assert (weekly.timezone, weekly.receivers, weekly.mail_by) == (
        "Europe/Berlin",
        ("mail", "ann@example.com"),
        "mail",
    )
    assert (daily.applications, daily.receivers) == (("shop",), ("chat",))


def test_an_empty_file_has_none() -> None:
    assert parse_reports("", KNOWN) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("report: []", "reports.yaml: unknown key 'report'; did you mean 'reports'?"),
        ("reports: {}", "reports.yaml: reports: must be a list"),
        (
            "reports: [{name: a, cron: '* * * * *', recievers: [mail]}]",
            "reports.yaml: reports[0] 'a': unknown key 'recievers'; did you mean 'receivers'?",
        ),
        (
            "reports: [{name: a, cron: '* * * * *', receivers: [mial]}]",
            "reports.yaml: reports[0] 'a': receivers: alerts.yaml names no receiver 'mial';"
            " did you mean 'mail'?",
        ),
        ("reports: [{name: a}]", "reports.yaml: reports[0] 'a': cron: missing"),
        ("reports: [{cron: '* * * * *'}]", "reports.yaml: reports[0]: name: missing"),
        (
            "reports: [{name: a, cron: '* * * * *', timezone: Berlin}]",
            "reports.yaml: reports[0] 'a': timezone: there is no time zone 'Berlin'",
        ),
        (
            "reports: [{name: a, cron: '* * * * *'}, {name: a, cron: '* * * * *'}]",
            "reports.yaml: reports[1] 'a': name used twice",
        ),
        ("reports: [{name: a, cron: *}]", "reports.yaml:1:"),
        ("reports: [{name: '${NOWHERE_SET}', cron: '* * * * *'}]", "NOWHERE_SET} is not set"),
    ],
)
def test_a_bad_file_is_refused_where_it_is_bad(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as problem:
        parse_reports(text, KNOWN, environment={})
    assert says in str(problem.value)
