"""Writes docs/reference.md from the code: settings, routes, metrics, engines, commands.

python ops/reference.py            write the file
python ops/reference.py --check    exit 1 when the file is out of date
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TARGET = ROOT / "docs" / "reference.md"

os.environ.setdefault("AUTH_SECRET", "only for making the reference page")


def settings_part() -> Iterator[str]:
    from core.settings import Settings

    yield "## Settings\n\nFrom the environment, from `NAME_FILE` (a mounted secret), or from the"
    yield "`config.yaml` named by `--config`; the environment wins.\n"
    yield "| variable | key in config.yaml | default | meaning |\n| --- | --- | --- | --- |"
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        default: Any = info.get_default()
        if hasattr(default, "get_secret_value") or default in (None, "", ()):
            shown = ""
        elif isinstance(default, tuple):
            shown = f"`{','.join(default)}`"
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        key = f"`{extra['file']}`" if "file" in extra else ""
        yield f"| `{name.upper()}` | {key} | {shown} | {info.description} |"


def routes_part() -> Iterator[str]:
    from api.app import create_app
    from api.operations import OPERATION

    app = create_app()
    yield "\n## Routes\n\nThe full promise, with every schema, is at `/api/v1/openapi.json` and"
    yield "`/docs` of a running farm.\n"
    yield "| route | promise |\n| --- | --- |"
    rows = set()
    for rule in app.url_map.iter_rules():
        promise = getattr(app.view_functions[rule.endpoint], OPERATION, None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            about = promise.summary if promise else "The page to read the API"
            rows.add((rule.rule.replace("uuid:", ""), method, about))
    for path, method, about in sorted(rows):
        yield f"| `{method} {path}` | {about} |"


def metrics_part() -> Iterator[str]:
    from prometheus_client import REGISTRY

    import core.metrics

    yield "\n## Metrics\n\nPrometheus text at `/metrics` and on the metrics port.\n"
    yield "| metric | type | meaning |\n| --- | --- | --- |"
    families = {
        family.name: (family.type, family.documentation)
        for family in REGISTRY.collect()
        if family.name.startswith("sentinel_")
    }
    families |= {name: ("gauge", about) for name, about in core.metrics.SCRAPED.items()}
    for name, (kind, about) in sorted(families.items()):
        shown = f"{name}_total" if kind == "counter" else name
        yield f"| `{shown}` | {kind} | {about} |"


def engines_part() -> Iterator[str]:
    from engines.catalogue import catalogue

    yield "\n## Engines\n"
    yield "| engine | class | category | modes | reads | finds |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, engine in catalogue().items():
        modes = ", ".join(sorted(str(mode) for mode in engine.modes))
        yield (
            f"| `{name}` | {engine.engine_class} | {engine.category} | {modes} |"
            f" {', '.join(engine.inputs)} | {engine.summary} |"
        )


def commands_part() -> Iterator[str]:
    from cli.operator import cli as operator
    from cli.sentinel import cli as sentinel

    yield "\n## Commands\n\nEach has `--help` with an example; those of `sentinel-cli` have"
    yield "`--json` and the exit statuses 0 done, 1 the answer is no, 2 the question was wrong.\n"
    yield "| command | does |\n| --- | --- |"
    for name, root in (("sentinel", sentinel), ("sentinel-cli", operator)):
        for path, command in sorted(_leaves(name, root)):
            yield f"| `{path}` | {(command.help or '').strip().splitlines()[0]} |"


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _leaves(f"{path} {name}", child)
    else:
        arguments = " ".join(
            (one.name or "").upper() for one in command.params if isinstance(one, click.Argument)
        )
        yield f"{path} {arguments}".strip(), command


def page() -> str:
    """The whole reference."""
    parts = (settings_part, routes_part, metrics_part, engines_part, commands_part)
    lines = ["# Reference\n\nMade from the code by `python ops/reference.py`.\n"]
    for part in parts:
        lines.extend(part())
    return "\n".join(lines) + "\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print("docs/reference.md is out of date; run `python ops/reference.py`", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
