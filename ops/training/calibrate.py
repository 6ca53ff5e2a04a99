"""Fits the calibration of the rule engines to labelled texts and writes it beside the weights.

python -m ops.training.calibrate --data DIR [--prior 0.1] [--write]

Reads the sets of prompt injection and jailbreak in DIR whose licence allows it. Engines are those
that read a prompt by rules and look for an attack: learned engines answer with probabilities, and
scores of secrets and personal data are degrees of severity. An engine that hits fewer than LEAST
texts is left as its author scored it. Prints how reliable each engine is, and what the maps change
in the verdict; writes only with --write.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.analysis import Action, EngineResult
from engines import calibration
from engines.base import Engine, TextEngine
from engines.catalogue import catalogue
from engines.policy import Policy
from engines.quality.cases import Case, read
from engines.quality.sets import known
from engines.runner import run
from engines.verdict import FAMILIES, fold

LEAST = 20
CHUNK = 128
ATTACK_GROUP = "injection"


@dataclass(slots=True)
class Judged:
    """One labelled text and what the rule engines said of it."""

    of: str
    attack: bool
    results: list[EngineResult]


def engines() -> tuple[Engine, ...]:
    """The rule engines that look for an attack in a prompt."""
    return tuple(
        engine
        for engine in catalogue().values()
        if isinstance(engine, TextEngine)
        and engine.category in FAMILIES["attack"]
        and "text" in engine.inputs
        and not engine.requires
    )


def sets(folder: Path) -> dict[str, list[Case]]:
    """The labelled sets that may be used, by name."""
    names = (
        name
        for name, about in sorted(known().items())
        if about.group == ATTACK_GROUP and about.quote
    )
    found = {name: read(folder / f"{name}.jsonl")[0] for name in names}
    return {name: cases for name, cases in found.items() if cases}


def judged(cases: Mapping[str, Sequence[Case]], asked: Sequence[Engine]) -> Iterator[Judged]:
    """What the engines say of every text."""
    for name, some in cases.items():
        for first in range(0, len(some), CHUNK):
            chunk = some[first : first + CHUNK]
            answers = run(asked, [case.content for case in chunk])
            for case, results in zip(chunk, answers, strict=True):
                yield Judged(name, bool(case.label), results)


def fitted(texts: Sequence[Judged], prior: float) -> dict[str, dict[str, Any]]:
    """Map and reliability of every engine that hit texts enough."""
    scored: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for text in texts:
        for result in text.results:
            top = max((finding.score for finding in result.findings), default=0.0)
            scored[result.engine].append((top, text.attack))
    found = {}
    for name, pairs in sorted(scored.items()):
        hits = {kind: sum(score > 0 for score, attack in pairs if attack is kind) for kind in _BOTH}
        if sum(hits.values()) < LEAST:
            continue
        totals = {kind: sum(attack is kind for _, attack in pairs) for kind in _BOTH}
        found[name] = {
            "version": catalogue()[name].version,
            "points": [list(point) for point in calibration.fit(pairs, prior)],
            "attacks": [hits[True], totals[True]],
            "harmless": [hits[False], totals[False]],
        }
    return found


_BOTH = (True, False)


def effect(texts: Sequence[Judged], maps: calibration.Calibration) -> dict[str, float]:
    """Mean share of flagged texts over the sets, of attacks and of harmless ones."""
    flags: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    policy = Policy(fail_closed=False)
    for text in texts:
        action = fold(policy.weighed(text.results, maps), policy).action
        flags[text.attack, text.of].append(action in (Action.WARN, Action.BLOCK))
    shares = defaultdict(list)
    for (attack, _), some in flags.items():
        shares["recall" if attack else "false positives"].append(sum(some) / len(some))
    return {name: sum(each) / len(each) for name, each in sorted(shares.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prior", type=float, default=calibration.PRIOR)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    cases = sets(arguments.data)
    texts = list(judged(cases, engines()))
    made = fitted(texts, arguments.prior)
    for name, about in made.items():
        shown = " ".join(f"{raw:.2f}→{value:.2f}" for raw, value in about["points"])
        hits, wrong = ("{}/{}".format(*about[kind]) for kind in ("attacks", "harmless"))
        print(f"{name:26} attacks {hits:>10} harmless {wrong:>9}  {shown}")
    points = {name: about["points"] for name, about in made.items()}
    for label, maps in (("raw", {}), ("calibrated", points)):
        shares = effect(texts, calibration.Calibration(maps))
        print(label, ", ".join(f"{name} {share:.4f}" for name, share in shares.items()))
    if arguments.write:
        calibration.FILE.parent.mkdir(exist_ok=True)
        body = {"prior": arguments.prior, "sets": sorted(cases), "engines": made}
        calibration.FILE.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {calibration.FILE}")


if __name__ == "__main__":
    main()
