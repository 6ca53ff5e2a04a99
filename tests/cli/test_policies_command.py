"""`sentinel-cli policies`: list, show, put, validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.groups.policies import command
from core.errors import ConfigError, NotFound
from engines.policy_file import SHIPPED

pytestmark = pytest.mark.farm

TEXT = "name: by-hand\nthresholds: {audit: 0.1, warn: 0.2, block: 0.9}\nfail_closed: false\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


def rows(*arguments: str | Path) -> Any:
    done = run(*arguments, "--json")
    assert done.exception is None, done.output
    return json.loads(done.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "by-hand.yaml"
    path.write_text(TEXT)
    return path


def test_the_shipped_policies_are_listed(stores: Any) -> None:
    found = {row["name"]: row for row in rows("list")}
    assert {"default", "strict", "lenient"} <= found.keys()
    assert found["default"]["origin"] == "file"


def test_what_is_put_is_listed_and_shown(stores: Any, file: Path) -> None:
    number = rows("put", file)["version"]
    assert rows("show", "by-hand")["version"] == number
    assert next(row for row in rows("list") if row["name"] == "by-hand")["warn"] == 0.2


def test_what_is_shown_can_be_put_again(stores: Any, file: Path, tmp_path: Path) -> None:
    number = rows("put", file)["version"]
    again = tmp_path / "again.yaml"
    again.write_text(run("show", "by-hand").output)
    assert rows("put", again)["version"] == number


def test_an_earlier_version_is_shown(stores: Any, file: Path) -> None:
    first = rows("put", file)["version"]
    file.write_text(TEXT.replace("0.9", "0.95"))
    assert run("put", file).output == f"by-hand: version {first + 1}\n"
    assert rows("show", "by-hand", "--version", str(first))["block"] == 0.9


def test_an_unknown_policy_names_the_nearest(stores: Any) -> None:
    with pytest.raises(NotFound, match="did you mean 'strict'"):
        raise run("show", "strickt").exception or AssertionError


def test_a_broken_file_is_not_stored(stores: Any, file: Path) -> None:
    file.write_text("name: broken\nthreshold: 1\n")
    with pytest.raises(ConfigError, match="did you mean 'thresholds'"):
        raise run("put", file).exception or AssertionError


def test_files_are_checked_one_by_one(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken\nallow: [{regex: '(a+)+', reason: x}]\n")
    done = run("validate", file, broken, SHIPPED / "strict.yaml", "--json")
    assert [row["ok"] for row in json.loads(done.stdout)] == [True, False, True]
    assert (done.exit_code, "too many ways" in done.stdout) == (2, True)
