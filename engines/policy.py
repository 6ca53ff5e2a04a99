"""A policy: which engines count, how much, from which risk one acts, and what is let pass.

A policy is a value. Its digest names it whole, so that a verdict can be traced to the policy that
gave it; two policies with one digest judge alike.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.analysis import Content, EngineResult, Finding, Outcome, Thresholds
from engines import calibration
from engines.allow_list import Allowed, screened

DEFAULT = "default"
ANY = "*"
"""As an engine's name: every engine that the policy does not name."""


@dataclass(frozen=True, slots=True)
class EngineRule:
    """What a policy says of one engine.

    `enabled` None leaves it to the mode, true runs the engine in every mode. A `required` engine
    runs in every mode and must answer. Findings below `threshold` are dropped, then scores are
    multiplied by `weight`.
    """

    enabled: bool | None = None
    required: bool = False
    weight: float = 1.0
    threshold: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


_PLAIN = EngineRule()


@dataclass(frozen=True)
class Policy:
    """How results become a verdict. `thresholds` None takes the farm's settings.

    `fail_closed` blocks what no engine, or not every required one, could examine. `cascade` lets
    engines of class `gpu` be left out where the others have decided; a required engine never is.
    `applications` are those whose requests it judges where they name no policy.
    """

    name: str = DEFAULT
    description: str = ""
    applications: tuple[str, ...] = ()
    thresholds: Thresholds | None = None
    engines: Mapping[str, EngineRule] = field(default_factory=dict)
    fail_closed: bool = True
    cascade: bool = True
    allow: tuple[Allowed, ...] = ()

    def rule(self, engine: str) -> EngineRule:
        """What it says of an engine."""
        return self.engines.get(engine) or self.engines.get(ANY, _PLAIN)

    @functools.cached_property
    def required(self) -> frozenset[str]:
        """The engines that must answer."""
        return frozenset(name for name, rule in self.engines.items() if rule.required)

    @functools.cached_property
    def options(self) -> dict[str, Mapping[str, Any]]:
        """What it sets for single engines, as `engines.runner.run` takes it."""
        return {name: rule.options for name, rule in self.engines.items() if rule.options}

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        """The policy as plain JSON, without what is as in a policy that says nothing."""
        given: dict[str, Any] = {"name": self.name}
        if self.thresholds is not None:
            given["thresholds"] = asdict(self.thresholds)
        for name in ("description", "fail_closed", "cascade"):
            if getattr(self, name) != getattr(_NOTHING, name):
                given[name] = getattr(self, name)
        if self.applications:
            given["applications"] = list(self.applications)
        if self.engines:
            given["engines"] = {name: _told(rule, _PLAIN) for name, rule in self.engines.items()}
        if self.allow:
            given["allow"] = [_told(entry, Allowed("")) for entry in self.allow]
        return given

    @functools.cached_property
    def digest(self) -> str:
        """Names the policy with all that it says."""
        text = json.dumps(self.body, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def plain(self) -> bool:
        """Whether it says nothing beyond the farm's settings."""
        return replace(self, description="") == _NOTHING

    @property
    def limits(self) -> Thresholds:
        """Its thresholds, or the shipped ones where it has none."""
        return self.thresholds or Thresholds()

    def screened(
        self, contents: Sequence[Content], results: list[list[EngineResult]]
    ) -> list[list[EngineResult]]:
        """The results without the findings that its allow list lets pass."""
        return screened(self.allow, contents, results) if self.allow else results

    def weighed(
        self, results: Sequence[EngineResult], maps: calibration.Calibration | None = None
    ) -> list[EngineResult]:
        """The results with scores calibrated, cut and weighted; a higher score stays higher.

        By the shipped calibration, unless another is given.
        """
        maps = calibration.shipped() if maps is None else maps
        return [self._weighed(result, maps) if result.findings else result for result in results]

    def _weighed(self, result: EngineResult, maps: calibration.Calibration) -> EngineResult:
        if result.engine not in maps.points and not self.engines:
            return result
        kept = tuple(
            replace(finding, score=score * self.rule(finding.engine).weight)
            for finding in result.findings
            if (score := maps(finding.engine, finding.score)) >= self._cut(finding)
        )
        if kept or result.outcome is not Outcome.FLAGGED:
            return replace(result, findings=kept)
        return replace(
            result, findings=(), outcome=Outcome.CLEAN, reason="below the policy's threshold"
        )

    def _cut(self, finding: Finding) -> float:
        return self.rule(finding.engine).threshold


_NOTHING = Policy()


def _told(thing: Any, silent: Any) -> dict[str, Any]:
    """The members that differ from those of one that says nothing."""
    members = asdict(thing)
    told = {name: value for name, value in members.items() if value != getattr(silent, name)}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in told.items()}


def as_policy(by: Policy | Thresholds) -> Policy:
    """The policy itself, or one of these thresholds that says nothing else."""
    return by if isinstance(by, Policy) else Policy(thresholds=by)
