"""`sentinel-cli engines bench`: what the verdict catches and wrongly flags on labelled texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.output import json_option, show
from core.analysis import Mode, Thresholds
from core.errors import BadInput
from core.settings import Settings, settings
from engines.base import Engine
from engines.policy import DEFAULT, Policy
from engines.policy_file import load_policies
from engines.quality import page, tables
from engines.quality.cases import OWN, Case, Problem, read
from engines.quality.run import Measured, choose, measure, one_core, warm_up

SHOWN_PROBLEMS = 20
"""Bad lines of one file that are named; the others are counted."""


@click.command("bench")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Also every *.jsonl of this folder.",
)
@click.option(
    "--mode", type=click.Choice([str(mode) for mode in Mode]), help="Default: the farm's."
)
@click.option("--engines", "names", metavar="A,B", help="Only these engines, whatever the mode.")
@click.option("--policy", "policy_name", metavar="NAME", help="A policy of a file; else default.")
@click.option("--gpu", is_flag=True, help="Also the mode's engines of the GPU class.")
@click.option("--write", is_flag=True, help="Write docs/quality.md, its picture and figures.")
@json_option
def bench(
    files: tuple[Path, ...],
    data: Path | None,
    mode: str | None,
    names: str | None,
    policy_name: str | None,
    gpu: bool,
    write: bool,
    as_json: bool,
) -> None:
    """Measure the verdict on labelled texts, in this process, on one core.

    Each FILE is a set of JSON lines {"text", "label": 0|1, "response"?, "context"?}; 1 is an
    attack. Without FILE and --data it measures the texts that come with the engines. Flagged means
    that the action is warn or block.

    \b
    Example:
        sentinel-cli engines bench --mode fast prompts.jsonl
    """
    chosen = settings()
    wanted = Mode(mode or chosen.brain_analysis_mode)
    policy = _policy(policy_name or DEFAULT, chosen)
    engines = choose(
        policy,
        wanted,
        [name for name in (names or "").split(",") if name],
        gpu=gpu,
        enabled=chosen.enabled_engines,
        disabled=chosen.disabled_engines,
    )
    if write:
        page.demand(page.Targets())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    paths = [*files, *(sorted(data.glob("*.jsonl")) if data else ())]
    if write or not paths:
        paths.append(OWN)
    sets = _measured(_sets(paths, console), engines, policy, console)
    if not any(one.lines for one in sets.values()):
        raise BadInput("no line of any file can be read")
    for sentence in tables.silences(sets):
        console.print(sentence, markup=False)
    if all(one.unexamined == len(one.lines) for one in sets.values()):
        raise BadInput("no engine can answer on any of these texts", field="engines")
    if as_json:
        click.echo(json.dumps(tables.published(sets), indent=2))
    else:
        _show(sets)
    if write:
        where = page.write(sets, engines, wanted, policy)
        console.print(f"written: {where}", markup=False)


def _policy(name: str, chosen: Settings) -> Policy:
    """The policy of a file, with the farm's thresholds where it has none. Raises BadInput."""
    known = load_policies(chosen.policies_dir)
    if name not in known:
        raise BadInput(f"there is no policy {name!r}; there are {', '.join(known)}", field="policy")
    farm = Thresholds(chosen.audit_threshold, chosen.warn_threshold, chosen.block_threshold)
    return replace(known[name], thresholds=known[name].thresholds or farm)


def _sets(paths: Iterable[Path], console: Console) -> Mapping[str, list[Case]]:
    """The usable lines by set; a set is named after its file, or by its path where two clash."""
    found: dict[str, list[Case]] = {}
    for path in dict.fromkeys(paths):
        cases, problems = read(path)
        _report(problems, console)
        if cases:
            found[path.stem if path.stem not in found else str(path)] = cases
    return found


def _report(problems: list[Problem], console: Console) -> None:
    for problem in problems[:SHOWN_PROBLEMS]:
        console.print(str(problem), markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        rest = len(problems) - SHOWN_PROBLEMS
        console.print(f"{problems[0].file}: {rest} more lines cannot be read", markup=False)


def _measured(
    cases: Mapping[str, list[Case]],
    engines: tuple[Engine, ...],
    policy: Policy,
    console: Console,
) -> dict[str, Measured]:
    sets = {}
    with one_core(), _progress(console, sum(map(len, cases.values()))) as progress:
        task = progress.task_ids[0]
        if cases:
            warm_up(engines)
        for name, lines in cases.items():
            progress.update(task, description=name)
            sets[name] = measure(
                name, lines, engines, policy, advance=lambda done: progress.advance(task, done)
            )
            if not console.is_terminal:
                seconds = sets[name].seconds
                console.print(f"{name}: {len(lines)} texts in {seconds:.1f} s", markup=False)
    return sets


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Progress]:
    """A bar on a terminal; a line for each set, which is the caller's, elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        progress.add_task("", total=total)
        yield progress


def _show(sets: Mapping[str, Measured]) -> None:
    show(tables.set_rows(sets), False, empty="no sets")
    click.echo()
    show(tables.group_rows(sets), False, empty="no sets")
    click.echo()
    show(tables.engine_rows(sets), False, empty="no engine answered")
