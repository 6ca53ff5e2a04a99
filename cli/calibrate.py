"""`sentinel-cli engines calibrate`: thresholds that keep a budget of false positives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.harmless import read
from cli.output import json_option, show
from core.analysis import Content, EngineClass, Judgement, Mode, Thresholds
from core.errors import BadInput, ConfigError
from core.settings import settings
from engines import budget
from engines.base import Engine
from engines.choice import choose
from engines.policy import DEFAULT, Policy
from engines.policy_file import load_policies, parse_policy
from engines.runner import run
from engines.verdict import judge
from workers import policies
from workers.policies import Version

CHUNK = 128
LEVELS = ("audit", "warn", "block")
SHOWN_CAUSES = 5


@dataclass(slots=True)
class Judged:
    """What the policy says of the harmless texts; `causes` counts texts by engine and label."""

    risks: list[float]
    causes: Counter[tuple[str, str]]
    degraded: int


@click.command("calibrate")
@click.option(
    "--benign",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Harmless texts: JSON lines {"text", "response"?, "context"?}, or one text a line.',
)
@click.option(
    "--fpr",
    required=True,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Share of harmless texts that may be flagged, such as 0.01.",
)
@click.option("--policy", "name", help="Policy to fit; default: the application's, else default.")
@click.option("--application", help="Application that the policy is bound to from now on.")
@click.option(
    "--mode", type=click.Choice([str(mode) for mode in Mode]), help="Default: the farm's."
)
@click.option("--gpu", is_flag=True, help="Also the mode's engines of the GPU class.")
@click.option(
    "--lowest",
    type=click.FloatRange(0, 1),
    default=budget.LOWEST,
    show_default=True,
    help="Smallest risk from which to warn, however much of the budget is left.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing.")
@json_option
def calibrate(
    file: Path,
    fpr: float,
    name: str | None,
    application: str | None,
    mode: str | None,
    gpu: bool,
    lowest: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fit a policy's thresholds to an application's own harmless traffic.

    Judges every text here, as the farm would, and takes the smallest thresholds that flag no more
    of them than the budget allows. The result is a new version of the policy, by which the farm
    goes within seconds; earlier versions stay.

    \b
    Example:
        sentinel-cli engines calibrate --benign harmless.jsonl --fpr 0.01 --application billing
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    before, target = _target(name, application, dry_run)
    wanted = Mode(mode or settings().brain_analysis_mode)
    contents, unusable = read(file)
    engines = _engines(before.policy, wanted, gpu, console)
    judged = _judged(
        contents, engines, replace(before.policy, thresholds=before.thresholds), console
    )
    fitted = budget.fit(judged.risks, fpr, before.thresholds, lowest)
    warnings = list(_warnings(fitted, judged, unusable, fpr))
    policy = replace(target, thresholds=fitted.thresholds)
    rows = _rows(judged.risks, before.thresholds, fitted.thresholds)
    about = {
        "file": file.name,
        "texts": len(contents),
        "fpr": fpr,
        "mode": str(wanted),
        "flagged": rows[1]["after"],
        "from": {"version": before.number, "digest": before.policy.digest},
    }
    number = None if dry_run else policies.put(policy, origin="calibrated", about=about)
    if as_json:
        answer = {"policy": policy.name, "version": number, "stored": not dry_run, **about}
        levels = {row["level"]: {"before": row["before"], "after": row["after"]} for row in rows}
        click.echo(json.dumps({**answer, "levels": levels, "warnings": warnings}, indent=2))
        return
    show([_shown(row) for row in rows], False, empty="")
    _show_causes(judged)
    for sentence in warnings:
        console.print(f"note: {sentence}", markup=False)
    click.echo(
        "nothing was stored" if number is None else f"{policy.name}: version {number} is stored"
    )


def _target(name: str | None, application: str | None, dry_run: bool) -> tuple[Version, Policy]:
    """The policy as it stands, and the one that gets the thresholds.

    An application without a policy gets one of its own name, made from the default.
    """
    try:
        settings().database()
    except ConfigError:
        if not dry_run:
            raise
        found = load_policies(settings().policies_dir).get(name or DEFAULT)
        if found is None:
            raise BadInput(f"there is no policy {name!r} among the files", field="policy") from None
        return Version(found), found
    bound = None if application is None else policies.bound_to(application)
    before = policies.find(name or bound or DEFAULT)
    target = before.policy
    if application is not None and application not in target.applications:
        if name is None:
            target = replace(target, name=application, description="", applications=())
        target = replace(target, applications=(*target.applications, application))
    return before, parse_policy(target.body, f"the policy {target.name!r}")


def _engines(policy: Policy, mode: Mode, gpu: bool, console: Console) -> tuple[Engine, ...]:
    chosen = settings()
    every = choose(policy, mode, None, chosen.enabled_engines, chosen.disabled_engines)
    own = tuple(one for one in every if gpu or one.engine_class is EngineClass.CPU)
    if not own:
        raise BadInput(f"the policy {policy.name!r} leaves no engine for the mode {mode}")
    if len(own) < len(every):
        left = ", ".join(one.name for one in every if one not in own)
        console.print(f"without engines of class gpu ({left}); --gpu asks them too", markup=False)
    return own


def _judged(
    contents: Sequence[Content], engines: Sequence[Engine], policy: Policy, console: Console
) -> Judged:
    """Each text judged as the farm would, but that one which no engine could examine is let pass:
    holding it back is no sign of a threshold."""
    judged = Judged([], Counter(), 0)
    lenient = replace(policy, fail_closed=False)
    bar = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*bar, console=console, transient=True)
    with progress if console.is_terminal else nullcontext():
        task = progress.add_task("", total=len(contents))
        for first in range(0, len(contents), CHUNK):
            chunk = contents[first : first + CHUNK]
            results = policy.screened(chunk, run(engines, chunk, options=policy.options))
            for one in results:
                _count(judged, judge(one, lenient), policy.limits)
            progress.advance(task, len(chunk))
    return judged


def _count(judged: Judged, judgement: Judgement, limits: Thresholds) -> None:
    judged.risks.append(judgement.risk_score)
    judged.degraded += judgement.degraded
    if judgement.risk_score >= limits.audit:
        found = {(one.engine, one.label) for one in judgement.findings if one.score >= limits.audit}
        judged.causes.update(found)


def _warnings(fitted: budget.Fitted, judged: Judged, unusable: int, rate: float) -> list[str]:
    texts = len(judged.risks)
    found = []
    if not fitted.enough:
        found.append(
            f"{texts} texts are too few to tell that no more than {rate:.3%} are flagged; take at"
            f" least {budget.needed(rate)}"
        )
    if not fitted.enough_for_block:
        least = budget.needed(rate / budget.BLOCK_PART)
        found.append(f"the block threshold is not fitted; that takes {least} texts")
    if fitted.held:
        found.append(
            f"the budget would allow a warn threshold below {fitted.thresholds.warn}; --lowest"
            " lets it sink"
        )
    if unusable:
        found.append(f"{unusable} lines could not be used, or are labelled attacks")
    if judged.degraded:
        found.append(f"on {judged.degraded} texts an engine failed; mend it and calibrate again")
    return found


def _rows(risks: Sequence[float], before: Thresholds, after: Thresholds) -> list[dict[str, Any]]:
    return [
        {
            "level": level,
            "before": _measured(risks, getattr(before, level)),
            "after": _measured(risks, getattr(after, level)),
        }
        for level in LEVELS
    ]


def _measured(risks: Sequence[float], threshold: float) -> dict[str, Any]:
    found = budget.reaching(risks, threshold)
    return {**asdict(found), "share": found.share}


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    shown = {"level": row["level"]}
    for when in ("before", "after"):
        one = row[when]
        shown[when] = f"{one['threshold']:.4g}"
        shown[f"texts_that_reach_it_{when}"] = (
            f"{one['flagged']}/{one['total']} = {one['share']:.3%}"
            f" (95 %: {one['low']:.3%} to {one['high']:.3%})"
        )
    return shown


def _show_causes(judged: Judged) -> None:
    common = judged.causes.most_common(SHOWN_CAUSES)
    if common:
        click.echo("\nWhat most often finds something in them:")
        show(
            [{"engine": at, "label": label, "texts": times} for (at, label), times in common],
            False,
            empty="",
        )
        click.echo()
