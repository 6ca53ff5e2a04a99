"""Commands about alerts.yaml that need no farm: routes, check, replay, import, export."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import yaml

from alerts.config import AlertConfig, load_alerts, parse_alerts
from alerts.document import document
from alerts.exchange import Exchanged, exported, imported
from alerts.matchers import parse_one
from alerts.replay import Replay
from alerts.tree import explain, route
from cli.output import json_option
from core.errors import BadInput, ConfigError
from core.http import HttpClient
from core.settings import settings

EXIT_REFUSED = 1
_FILE = click.Path(dir_okay=False, path_type=Path)
_READ = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("routes")
def routes() -> None:
    """Ask the routing tree.

    \b
    Example:
        sentinel-cli alerts routes test severity=critical
    """


def _loaded(file: Path | None) -> AlertConfig:
    return load_alerts(file or settings().alerts_file, http=HttpClient(allow_private=True))


@routes.command("test")
@click.argument("labels", nargs=-1)
@click.option("--config", "file", type=_READ, help="Instead of the farm's alerts.yaml.")
@click.option("--cases", type=_READ, help="JSON lines with config and labels; one answer a line.")
@click.option("--explain", "why", is_flag=True, help="Say which routes match, and why.")
@json_option
def test_routes(
    labels: tuple[str, ...], file: Path | None, cases: Path | None, why: bool, as_json: bool
) -> None:
    """Print the receivers of an alert with these labels, in order, comma-separated.

    \b
    Example:
        sentinel-cli alerts routes test --config alerts.yaml severity=critical app=shop
        sentinel-cli alerts routes test --cases routes.jsonl
    """
    if cases is not None:
        for names in _answers(cases):
            click.echo(json.dumps(names) if as_json else ",".join(names))
        return
    config = _loaded(file)
    given = _labels(labels)
    names = [one.receiver for one in route(config.tree, given)]
    if why:
        click.echo(explain(config.tree, given))
    click.echo(json.dumps(names) if as_json else ",".join(names))


def _labels(arguments: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for argument in arguments:
        matcher = parse_one(argument)
        if matcher.operator != "=":
            raise BadInput(f"{argument!r} is not a label; write name=value", field="labels")
        found[matcher.name] = matcher.value
    return found


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            case = json.loads(line)
        except ValueError as problem:
            raise BadInput(f"{file}:{number}: not JSON: {problem}") from None
        if not isinstance(case, dict):
            raise BadInput(f"{file}:{number}: must be an object")
        yield case


def _answers(file: Path) -> Iterator[list[str]]:
    known: dict[str, AlertConfig] = {}
    for number, case in enumerate(_lines(file), 1):
        if not {"config", "labels"} <= case.keys():
            raise BadInput(f"{file}:{number}: needs config and labels")
        said = case["config"] if isinstance(case["config"], str) else json.dumps(case["config"])
        if said not in known:
            known[said] = parse_alerts(
                said, f"{file}:{number}", http=HttpClient(allow_private=True)
            )
        yield [one.receiver for one in route(known[said].tree, case["labels"])]


@click.command("check-config")
@click.argument("file", type=_FILE)
@json_option
def check_config(file: Path, as_json: bool) -> None:
    """Load an alerts.yaml or alertmanager.yml: exit status 0, or 1 with what to mend.

    \b
    Example:
        sentinel-cli alerts check-config alerts.yaml
    """
    try:
        config = _loaded(file)
    except ConfigError as problem:
        if as_json:
            click.echo(json.dumps({"file": str(file), "ok": False, "error": str(problem)}))
        else:
            click.echo(str(problem), err=True)
        sys.exit(EXIT_REFUSED)
    counts = {
        "routes": sum(1 for _ in config.tree.walk()),
        "receivers": len(config.parts),
        "inhibit_rules": len(config.inhibitions),
        "time_intervals": len(config.intervals),
    }
    if as_json:
        answer = {"file": str(file), "ok": True, **counts, "warnings": list(config.warnings)}
        click.echo(json.dumps(answer))
        return
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    click.echo(f"{file}: usable: {told}")


@click.command()
@click.option("--cases", type=_READ, required=True, help="JSON lines of timed scenarios.")
def replay(cases: Path) -> None:
    """Play timed scenarios on a fake clock and print what would be sent, one JSON line each.

    \b
    Example:
        sentinel-cli alerts replay --cases notify.jsonl
    """
    for case in _lines(cases):
        try:
            sent = Replay(case).run()
        except (KeyError, TypeError, ValueError) as problem:
            raise BadInput(
                f"{cases}: {case.get('id', 'a case')} cannot be played: {problem!r}"
            ) from None
        click.echo(json.dumps({"id": case.get("id"), "notifications": sent}, ensure_ascii=False))


@click.command("import")
@click.argument("file", type=_FILE)
@click.option("--output", type=_FILE, help="Write here instead of printing.")
def import_file(file: Path, output: Path | None) -> None:
    """Turn an alertmanager.yml into an alerts.yaml; warns of what has no effect here.

    \b
    Example:
        sentinel-cli alerts import alertmanager.yml --output alerts.yaml
    """
    _write(imported(_kept(file)), output)


@click.command("export")
@click.argument("file", type=_FILE, required=False)
@click.option("--output", type=_FILE, help="Write here instead of printing.")
@click.option("--resolve", is_flag=True, help="Put the values of ${VARIABLES} in.")
def export_file(file: Path | None, output: Path | None, resolve: bool) -> None:
    """Turn the farm's alerts.yaml, or FILE, into an alertmanager.yml; warns of what is lost.

    \b
    Example:
        sentinel-cli alerts export --resolve --output alertmanager.yml
    """
    _write(exported(_loaded(file) if resolve else _kept(file)), output)


class _AsWritten(dict[str, str]):
    """An environment that puts every variable's name in its place, so that secrets stay out."""

    def get(self, name: str, default: Any = None) -> Any:
        return f"${{{name}}}" if not name.endswith("_FILE") else default

    def __getitem__(self, name: str) -> str:
        return f"${{{name}}}"


def _kept(file: Path | None) -> AlertConfig:
    """The configuration, checked with its variables and written without them."""
    path = file or settings().alerts_file
    config = _loaded(path)
    if path is None:
        return config
    said = path.read_text(encoding="utf-8")
    return replace(config, source=document(said, str(path), _AsWritten()))


def _write(made: Exchanged, output: Path | None) -> None:
    for loss in made.losses:
        click.echo(f"warning: {loss}", err=True)
    said = yaml.safe_dump(made.document, sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        click.echo(said, nl=False)
    else:
        output.write_text(said, encoding="utf-8")
