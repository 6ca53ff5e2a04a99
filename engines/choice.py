"""Which engines run on an input, by mode, request, policy and farm together."""

from __future__ import annotations

from collections.abc import Collection

from core.analysis import Mode
from core.errors import BadInput
from engines.base import Engine
from engines.catalogue import catalogue, select
from engines.policy import Policy


def choose(
    policy: Policy,
    mode: Mode,
    names: Collection[str] | None = None,
    enabled: Collection[str] = (),
    disabled: Collection[str] = (),
) -> tuple[Engine, ...]:
    """The engines of an analysis, sorted by name.

    A policy takes engines from a mode and adds others; those that it requires also run beside
    `names`. What the farm has disabled, no policy brings back. Raises as `catalogue.select`, and
    BadInput where `names` has an engine that the policy does not run.
    """
    off = [name for name in catalogue() if policy.rule(name).enabled is False]
    for name in names or ():
        if name in off:
            raise BadInput(
                f"the policy {policy.name!r} does not run the engine {name!r}", field="engines"
            )
    chosen = {one.name: one for one in select(mode, names, enabled, disabled)}
    for name, engine in catalogue().items():
        rule = policy.rule(name)
        added = rule.required or (rule.enabled and not names)
        barred = name in disabled or (enabled and name not in enabled)
        if added and not barred:
            chosen[name] = engine
    return tuple(chosen[name] for name in sorted(chosen) if name not in off)
