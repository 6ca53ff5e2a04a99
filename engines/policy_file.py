"""Policies as YAML: shipped ones, an operator's folder, and checks that name what to mend.

```yaml
name: billing                  # lower case, digits, - and _
description: The billing assistant.
applications: [billing, refunds]
thresholds: {audit: 0.3, warn: 0.5, block: 0.7}
fail_closed: true              # block what a required engine, or every engine, could not examine
cascade: true                  # let class gpu be left out where the other engines have decided
engines:
  "*": {threshold: 0.2}        # every engine that is not named here
  secrets: {required: true}
  jailbreak: {weight: 0.8, options: {}}
allow:
  - exact: The magic words are please and thank you
    reason: a sentence of our own greeting
    engines: [prompt_extraction]
  - regex: 'TEST-[0-9A-F]{8,32}'
    reason: keys of the test bench
    categories: [secrets]
    fields: [text, documents]
  - sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    reason: a text that may not be written down
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.analysis import Content, EngineClass, Thresholds
from core.configfile import as_list, as_mapping, parse_plain_yaml
from core.errors import ConfigError
from engines import policy_checks as checks
from engines.allow_list import Allowed, demand_tame
from engines.catalogue import catalogue
from engines.document import KINDS, Document
from engines.policy import ANY, EngineRule, Policy

SHIPPED = Path(__file__).parent / "policies"
MAX_ALLOWED = 1000
MAX_EXACT = 10_000
MAX_REGEX = 500
MAX_OPTIONS = 20_000
"""Characters of one engine's options as JSON."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = (
    "name", "description", "applications", "thresholds", "fail_closed", "cascade", "engines",
    "allow",
)  # fmt: skip
_LEVELS = ("audit", "warn", "block")
_RULE_KEYS = ("enabled", "required", "weight", "threshold", "options")
_WAYS_TO_NAME = ("exact", "regex", "sha256")
_ALLOW_KEYS = (*_WAYS_TO_NAME, "reason", "fields", "engines", "categories")
_SPECIMEN = Content("a", "a", "a", ("a",), ({"role": "user", "content": "a"},), ({"name": "a"},))


def load_policies(folder: Path | None = None) -> dict[str, Policy]:
    """The shipped policies and, by name in their place, those of a folder.

    Raises ConfigError naming file and key, and where two claim one application.
    """
    found = {}
    for each in (SHIPPED, folder):
        if each is not None and not each.is_dir():
            raise ConfigError(f"{each} is not a folder; POLICIES_DIR must name one")
        own = {} if each is None else _folder(each)
        found.update(own)
    demand_single_claims(found.values())
    return dict(sorted(found.items()))


def _folder(folder: Path) -> dict[str, Policy]:
    found: dict[str, Policy] = {}
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        policy = load_policy(file)
        if policy.name in found:
            raise ConfigError(f"{file}: name: {policy.name!r} is the name of another file too")
        found[policy.name] = policy
    return found


def load_policy(file: Path) -> Policy:
    """The policy of one file. Raises ConfigError naming file and key."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{file} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{file} is not UTF-8 text; save it as UTF-8") from problem
    return parse_policy(parse_plain_yaml(text, str(file)), str(file))


def demand_single_claims(policies: Iterable[Policy]) -> None:
    """Raises ConfigError where an application is bound to two policies."""
    claims: dict[str, str] = {}
    for policy in policies:
        for application in policy.applications:
            other = claims.setdefault(application, policy.name)
            if other != policy.name:
                raise ConfigError(
                    f"the application {application!r} is bound to the policies {other!r} and"
                    f" {policy.name!r}; take it out of one"
                )


def parse_policy(
    document: Mapping[str, Any], where: str, engines: Collection[str] | None = None
) -> Policy:
    """The policy that a parsed document describes; `where` names it in errors.

    Engines must be among `engines`, by default those of this process. Raises ConfigError.
    """
    known = catalogue() if engines is None else engines
    checks.demand_known(where, document, _KEYS)
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: name: must be 1 to 64 of a-z, 0-9, - and _")
    rules = as_mapping(f"{where}: engines", document.get("engines") or {})
    allow = as_list(f"{where}: allow", document.get("allow"))
    if len(allow) > MAX_ALLOWED:
        raise ConfigError(f"{where}: allow: at most {MAX_ALLOWED} entries")
    return Policy(
        name=name,
        description=checks.text(f"{where}: description", document.get("description", ""), 1000),
        applications=checks.words(f"{where}: applications", document.get("applications")),
        thresholds=_thresholds(f"{where}: thresholds", document.get("thresholds")),
        fail_closed=checks.flag(f"{where}: fail_closed", document.get("fail_closed", True)),
        cascade=checks.flag(f"{where}: cascade", document.get("cascade", True)),
        engines={
            _engine(f"{where}: engines", each, (ANY, *known)): _rule(
                f"{where}: engines: {each}", each, rule
            )
            for each, rule in rules.items()
        },
        allow=tuple(
            _allowed(f"{where}: allow[{place}]", entry, known) for place, entry in enumerate(allow)
        ),
    )


def stored_policy(body: Mapping[str, Any]) -> Policy:
    """The policy whose `body` this is; it may name engines that this process lacks."""
    named = {*body.get("engines", {}), *_allow_engines(body)}
    return parse_policy(body, "a stored policy", engines=named - {ANY})


def _allow_engines(body: Mapping[str, Any]) -> Iterator[str]:
    for entry in body.get("allow", ()):
        yield from entry.get("engines", ())


def check_options(policy: Policy) -> None:
    """Show each engine its options. Raises ConfigError with what the engine says of them."""
    document = Document(_SPECIMEN, policy.options)
    for name in policy.options:
        engine = catalogue().get(name)
        if engine is not None and engine.engine_class is EngineClass.CPU:
            try:
                engine.analyze(document)
            except ConfigError as problem:
                raise ConfigError(f"{policy.name}: engines: {name}: options: {problem}") from None


def _rule(where: str, engine: str, given: object) -> EngineRule:
    rule = as_mapping(where, {} if given is None else given)
    checks.demand_known(where, rule, _RULE_KEYS)
    enabled = rule.get("enabled")
    made = EngineRule(
        enabled=None if enabled is None else checks.flag(f"{where}: enabled", enabled),
        required=checks.flag(f"{where}: required", rule.get("required", False)),
        weight=checks.share(f"{where}: weight", rule.get("weight", 1.0)),
        threshold=checks.share(f"{where}: threshold", rule.get("threshold", 0.0)),
        options=_options(f"{where}: options", rule.get("options")),
    )
    if made.required and made.enabled is False:
        raise ConfigError(f"{where}: an engine cannot be required and not enabled")
    if engine == ANY and (made.required or made.options):
        raise ConfigError(f"{where}: `required` and `options` need an engine's own entry")
    return made


def _options(where: str, given: object) -> dict[str, Any]:
    """The options as JSON knows them, so that a stored policy is the same policy."""
    try:
        text = json.dumps(as_mapping(where, given or {}), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(f"{where}: write texts, numbers, lists and mappings only") from None
    if len(text) > MAX_OPTIONS:
        raise ConfigError(f"{where}: must have at most {MAX_OPTIONS} characters as JSON")
    made: dict[str, Any] = json.loads(text)
    return made


def _allowed(where: str, given: object, known: Collection[str]) -> Allowed:
    entry = as_mapping(where, given)
    checks.demand_known(where, entry, _ALLOW_KEYS)
    ways = [way for way in _WAYS_TO_NAME if entry.get(way) is not None]
    if len(ways) != 1:
        raise ConfigError(f"{where}: write one of exact, regex and sha256")
    place = f"{where}: {ways[0]}"
    limit = MAX_REGEX if ways[0] == "regex" else MAX_EXACT
    value = checks.text(place, entry[ways[0]], limit)
    if ways[0] == "exact":
        value = value.strip()
    if not value:
        raise ConfigError(f"{place}: must not be empty")
    if ways[0] == "regex":
        demand_tame(place, value)
    if ways[0] == "sha256" and not _DIGEST.fullmatch(value := value.lower()):
        raise ConfigError(f"{place}: must be the 64 hex digits of a SHA-256")
    reason = checks.text(f"{where}: reason", entry.get("reason", ""), 200).strip()
    if not reason:
        raise ConfigError(f"{where}: reason: missing; say why this may pass")
    engines = checks.words(f"{where}: engines", entry.get("engines"))
    return Allowed(
        reason=reason,
        **{ways[0]: value},
        fields=tuple(
            checks.one_of(f"{where}: fields", "field", each, KINDS)
            for each in checks.words(f"{where}: fields", entry.get("fields"))
        ),
        engines=tuple(_engine(f"{where}: engines", each, known) for each in engines),
        categories=checks.words(f"{where}: categories", entry.get("categories")),
    )


def _thresholds(where: str, given: object) -> Thresholds | None:
    if given is None:
        return None
    levels = as_mapping(where, given)
    checks.demand_known(where, levels, _LEVELS)
    for level in _LEVELS:
        if level not in levels:
            raise ConfigError(f"{where}: {level}: missing; write all of audit, warn and block")
    audit, warn, block = (checks.share(f"{where}: {level}", levels[level]) for level in _LEVELS)
    if not audit <= warn <= block:
        raise ConfigError(f"{where}: audit <= warn <= block must hold")
    return Thresholds(audit, warn, block)


def _engine(where: str, name: object, known: Collection[str]) -> str:
    return checks.one_of(where, "engine", name, known)
