"""`sentinel-cli alerts …` about files: no farm is needed, and programs can read the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.groups.alerts import command
from core.errors import BadInput, ConfigError

CONFIG = """
route:
  receiver: all
  routes:
  - {receiver: pager, matchers: [severity="critical"], continue: true}
  - {receiver: chat, matchers: ['app=~"x|y"']}
receivers: [{name: all}, {name: pager}, {name: chat}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.yaml"
    path.write_text(CONFIG)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def cases(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["severity=critical", "app=x"], "pager,chat"),
        (["severity=critical"], "pager"),
        (['app="y"'], "chat"),
        ([], "all"),
    ],
)
def test_receivers_are_printed_in_order_with_commas(
    file: Path, labels: list[str], receivers: str
) -> None:
    assert run("routes", "test", "--config", file, *labels).output == f"{receivers}\n"


def test_each_case_of_a_file_is_answered_by_a_line(tmp_path: Path) -> None:
    path = cases(
        tmp_path,
        {"config": CONFIG, "labels": {"severity": "critical"}},
        {"config": CONFIG, "labels": {"app": "x"}},
    )
    assert run("routes", "test", "--cases", path).output.splitlines() == ["pager", "chat"]


def test_a_label_that_is_none_is_refused(file: Path) -> None:
    assert isinstance(run("routes", "test", "--config", file, "app=~x").exception, BadInput)


def test_a_usable_file_is_counted(file: Path) -> None:
    done = run("check-config", file)
    assert done.exit_code == 0
    assert "usable: 3 routes, 3 receivers" in done.output


def test_an_unusable_file_is_answered_by_status_1_and_the_message(file: Path) -> None:
    file.write_text(CONFIG.replace("receiver: chat", "receiver: cat"))
    done = run("check-config", file)
    assert done.exit_code == 1
    assert f"{file}:6: route.routes[1]: no receiver is named 'cat'" in done.output


def test_a_scenario_is_played_as_one_line_of_json(tmp_path: Path) -> None:
    events = [{"t": 0, "op": "alert", "labels": {"alertname": "a", "i": "1"}, "end": 5}]
    route = {"group_by": ["alertname"], "group_wait": "1s", "group_interval": "3s"}
    path = cases(tmp_path, {"id": "s", "route": route, "events": events, "observe_seconds": 9})
    told = json.loads(run("replay", "--cases", path).output)
    assert [(one["t"], one["status"]) for one in told["notifications"]] == [
        (1.0, "firing"),
        (7.0, "resolved"),
    ]


def test_a_scenario_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    path = cases(tmp_path, {"id": "s", "route": {}, "events": [{"t": 0, "op": "dance"}]})
    assert isinstance(run("replay", "--cases", path).exception, BadInput)


def test_variables_are_exported_by_name_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(
        "routing: [{receivers: [c]}]\n"
        "receivers: [{name: c, type: slack, config: {webhookUrl: '${HOOK_URL}'}}]\n"
    )
    monkeypatch.setenv("HOOK_URL", "http://h/secret")
    masked, plain = run("export", path), run("export", path, "--resolve")
    assert "secret" not in masked.output
    found = yaml.safe_load(plain.output)["receivers"][0]["slack_configs"][0]["api_url"]
    assert found == "http://h/secret"


def test_what_was_imported_loads(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "imported.yaml"
    assert run("import", file, "--output", target).exit_code == 0
    assert run("check-config", target).exit_code == 0


def test_a_file_that_does_not_load_is_not_imported(file: Path) -> None:
    file.write_text("route: {}")
    assert isinstance(run("import", file).exception, ConfigError)
