"""`sentinel-cli silences`: as an operator who knows amtool expects it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from cli.groups.silences import command
from core.errors import BadInput, ConfigError, NotFound
from tests.cli.test_operator import run as operate
from tests.conftest import Farm
from tests.farm.test_rollups import new_tenant

pytestmark = pytest.mark.farm

WHY = ("--comment", "new model", "--author", "ann")


@pytest.fixture
def tenant(stores: Any) -> str:
    return new_tenant()


def run(tenant: str, action: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, [action, *arguments, "--tenant", tenant])


def added(tenant: str, *arguments: str) -> str:
    done = run(tenant, "add", *arguments, *WHY)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def listed(tenant: str, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run(tenant, "list", *arguments, "--json").output))


def test_what_was_added_is_listed_in_alertmanagers_fields(tenant: str) -> None:
    made = added(tenant, "application=shop", "severity=~warning|info", "--duration", "2h")
    (found,) = listed(tenant)
    assert (found["id"], found["status"], found["createdBy"]) == (made, {"state": "active"}, "ann")
    assert [(one["name"], one["value"], one["isRegex"]) for one in found["matchers"]] == [
        ("application", "shop", False),
        ("severity", "warning|info", True),
    ]


@pytest.mark.parametrize(
    ("given", "matcher"),
    [
        ("disk-full", '{alertname="disk-full"}'),
        ("a!=b", '{a!="b"}'),
        ('a="b c"', '{a="b c"}'),
        ("a!~b+", '{a!~"b+"}'),
    ],
)
def test_matchers_are_those_of_amtool(tenant: str, given: str, matcher: str) -> None:
    added(tenant, given, "app=x")
    assert matcher[1:-1] in run(tenant, "list").output


@pytest.mark.parametrize(("duration", "hours"), [("2h", 2), ("1d12h", 36), ("90m", 1.5)])
def test_it_ends_when_it_was_told_to(tenant: str, duration: str, hours: float) -> None:
    added(tenant, "a=b", "--duration", duration)
    ((start, end),) = [(one["startsAt"], one["endsAt"]) for one in listed(tenant)]
    spent = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    assert spent.total_seconds() == hours * 3600


def test_an_expired_one_is_listed_among_the_expired_alone(tenant: str) -> None:
    made = added(tenant, "a=b")
    assert run(tenant, "expire", made).output == f"{made}: ended\n"
    assert listed(tenant) == []
    assert [one["id"] for one in listed(tenant, "--expired")] == [made]


def test_to_expire_one_that_is_over_is_answered_by_status_1(tenant: str) -> None:
    made = added(tenant, "a=b")
    run(tenant, "expire", made)
    done = run(tenant, "expire", made)
    assert (done.exit_code, done.output) == (1, f"{made}: was over already\n")


def test_an_unknown_id_among_others_ends_none(tenant: str) -> None:
    made = added(tenant, "a=b")
    assert isinstance(run(tenant, "expire", made, str(uuid4())).exception, NotFound)
    assert [one["id"] for one in listed(tenant)] == [made]


def test_a_list_can_be_narrowed_by_matchers(tenant: str) -> None:
    made = added(tenant, "application=shop", "severity=info")
    added(tenant, "application=till")
    assert [one["id"] for one in listed(tenant, "application=shop")] == [made]


def test_nothing_silenced_is_said_in_a_sentence(tenant: str) -> None:
    assert run(tenant, "list").output == "nothing is silenced\n"
    assert run(tenant, "list", "--expired").output == "no silence is over\n"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["a=~("], ConfigError, "regex '\\(' is not valid"),
        (["a=~.*"], BadInput, "fits an alert without labels"),
        (["a=b", "--duration", "soon"], ConfigError, "'soon' is not a duration"),
        (["a=b", "--duration", "0s"], BadInput, "must be after"),
        (["a=b", "--duration", "99999999d"], BadInput, "too long"),
        (["a=b", "--comment", " "], BadInput, "say why"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tenant: str, arguments: list[str], error: type[Exception], says: str
) -> None:
    done = run(tenant, "add", *WHY, *arguments)
    with pytest.raises(error, match=says):
        raise done.exception or AssertionError(done.output)


def test_without_a_comment_or_a_matcher_the_question_is_wrong(tenant: str) -> None:
    assert run(tenant, "add", "a=b").exit_code == 2
    assert run(tenant, "add", *WHY).exit_code == 2


def test_on_the_farm_it_is_what_the_api_tells(farm: Farm) -> None:
    done = operate(farm, "silences", "add", "application=nobody", *WHY)
    assert done.returncode == 0, done.stderr
    own = f"/api/v1/silences/{done.stdout.strip()}"
    assert farm.client.get(own).json()["comment"] == "new model"
    assert operate(farm, "silences", "expire", done.stdout.strip(), "--json").returncode == 0
    assert farm.client.get(own).json()["status"] == {"state": "expired"}
    wrong = operate(farm, "silences", "expire", str(uuid4()))
    assert (wrong.returncode, "list GET /api/v1/silences" in wrong.stderr) == (2, True)
