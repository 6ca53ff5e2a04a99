"""Which policy judges a request, and the policy that an accepted job keeps to its end.

Policies come from files (the shipped ones and POLICIES_DIR) and from table `policies`, where the
newest version that somebody stored stands above a file of its name. Versions never change. A job
holds the digest of its policy, and the row with that digest is what judges it, so that neither a
late worker nor a retry sees another one; of a policy that says nothing it holds the thresholds.
"""

from __future__ import annotations

import difflib
import functools
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.analysis import Thresholds
from core.database import UnitOfWork, single, unit_of_work
from core.errors import BadInput, ConfigError, NotFound
from core.settings import settings
from engines.policy import DEFAULT, EngineRule, Policy
from engines.policy_file import (
    check_options,
    demand_single_claims,
    load_policies,
    stored_policy,
)

log = logging.getLogger(__name__)

FRESH_SECONDS = 2.0
"""For so long a process goes by what it last read of files and table."""
TENANT = "default"


@dataclass(frozen=True, slots=True)
class Version:
    """A policy as it stands: `number` and `stored`, the digest of its row, are None while a file's
    has not judged anything yet."""

    policy: Policy
    number: int | None = None
    stored: str | None = None
    origin: str = "file"
    created_at: datetime | None = None
    about: Mapping[str, Any] | None = None

    @property
    def thresholds(self) -> Thresholds:
        """Its thresholds, or those of the farm's settings."""
        chosen = settings()
        return self.policy.thresholds or Thresholds(
            chosen.audit_threshold, chosen.warn_threshold, chosen.block_threshold
        )

    def held(self) -> dict[str, Any]:
        """What a job's options say of it."""
        limits = self.thresholds
        kept: dict[str, Any] = {"thresholds": [limits.audit, limits.warn, limits.block]}
        if self.stored is not None:
            kept |= {"policy": self.stored, "policy_version": self.number}
        return kept


def resolve(tenant: str, application: str, name: str | None) -> Version:
    """The policy that judges a request: the one it names, else its application's, else `default`.

    A file's policy becomes a numbered row now. Raises BadInput for an unknown name.
    """
    known = _known(tenant)
    if name is None:
        name = known.bound.get(application, DEFAULT)
    elif name not in known.versions:
        known = _read(tenant)
    found = known.versions.get(name)
    if found is None:
        raise BadInput(_no_such(name, known), field="policy")
    if found.stored is None and not found.policy.plain:
        with unit_of_work() as work:
            number = _inserted(work, tenant, found.policy, "file", None)
        found = replace(found, number=number, stored=found.policy.digest)
        known.versions[name] = found
    return found


def of_options(options: Mapping[str, Any]) -> Policy:
    """The policy that a job was accepted under, by its options.

    Where its row is gone or damaged, one that blocks: a verdict by another would be none.
    """
    digest, limits = options.get("policy"), Thresholds(*options["thresholds"])
    try:
        return _held(digest, limits)
    except ConfigError as problem:
        log.error("policy %s cannot be used, what it should judge is blocked: %s", digest, problem)
        return replace(_blocking(str(digest)), thresholds=limits)


def _blocking(digest: str) -> Policy:
    """It requires an engine that cannot answer, whose name says what is amiss."""
    return Policy(name="unusable", engines={f"policy {digest}": EngineRule(required=True)})


def version_of(options: Mapping[str, Any]) -> Version:
    """As `of_options`, for a job that takes over the policy of another."""
    return Version(of_options(options), options.get("policy_version"), options.get("policy"))


@functools.lru_cache(maxsize=256)
def _held(digest: str | None, limits: Thresholds) -> Policy:
    if digest is None:
        return Policy(thresholds=limits)
    rows = single("SELECT body FROM policies WHERE digest = :digest LIMIT 1", digest=digest)
    if not rows:
        raise ConfigError(f"the policy with digest {digest} is no longer in table `policies`")
    policy = stored_policy(rows[0].body)
    return policy if policy.thresholds else replace(policy, thresholds=limits)


@dataclass(slots=True)
class _Known:
    """What a tenant's requests may name, at one moment."""

    versions: dict[str, Version]
    bound: dict[str, str]
    read_at: float


_lock = threading.Lock()
_last: dict[str, _Known] = {}


def _known(tenant: str) -> _Known:
    last = _last.get(tenant)
    if last is not None and time.monotonic() - last.read_at < FRESH_SECONDS:
        return last
    return _read(tenant)


_NEWEST = """
SELECT DISTINCT ON (name, origin = 'file') name, version, digest, origin, body, about, created_at
FROM policies WHERE tenant = :tenant ORDER BY name, origin = 'file', version DESC
"""


def _read(tenant: str) -> _Known:
    """What somebody stored stands above a file, and claims its applications first."""
    begun = time.monotonic()
    versions = {name: Version(policy) for name, policy in _files().items()}
    stored: dict[str, Version] = {}
    for row in single(_NEWEST, tenant=tenant):
        if row.origin != "file":
            stored[row.name] = _version(row)
        elif row.name in versions and versions[row.name].policy.digest == row.digest:
            versions[row.name] = _version(row)
    versions |= stored
    bound: dict[str, str] = {}
    for name in (*sorted(stored), *sorted(versions)):
        for application in versions[name].policy.applications:
            bound.setdefault(application, name)
    _last[tenant] = _Known(dict(sorted(versions.items())), bound, begun)
    return _last[tenant]


def _version(row: Any) -> Version:
    try:
        policy = stored_policy(row.body)
    except ConfigError as problem:
        log.error("version %d of policy %s is damaged: %s", row.version, row.name, problem)
        policy = replace(_blocking(row.digest), name=row.name)
    return Version(policy, row.version, row.digest, row.origin, row.created_at, row.about)


_files_read: dict[Path | None, tuple[object, dict[str, Policy]]] = {}


def _files() -> dict[str, Policy]:
    """The policies of files, read again when one changes; while they are broken, the last good
    ones stand. Raises ConfigError when they were never good."""
    folder = settings().policies_dir
    state = _state(folder)
    with _lock:
        last = _files_read.get(folder)
        if last is not None and last[0] == state:
            return last[1]
        try:
            found = load_policies(folder)
        except ConfigError as problem:
            if last is None:
                raise
            log.error("policies stay as they were: %s", problem)
            found = last[1]
        _files_read[folder] = (state, found)
        return found


def _state(folder: Path | None) -> object:
    """Differs after every change to a file."""
    if folder is None:
        return None
    try:
        files = sorted(one for one in folder.iterdir() if one.suffix in (".yaml", ".yml"))
        return [(one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files]
    except OSError:
        return None


def demand_good_files() -> None:
    """Raises ConfigError while a policy file cannot be used."""
    _files()


def standing(tenant: str = TENANT) -> list[Version]:
    """Every policy that a request may name, by name."""
    return list(_read(tenant).versions.values())


def find(name: str, tenant: str = TENANT, number: int | None = None) -> Version:
    """A policy as it stands, or one of its versions. Raises NotFound."""
    if number is None:
        known = _read(tenant)
        if name not in known.versions:
            raise NotFound(_no_such(name, known))
        return known.versions[name]
    rows = single(
        "SELECT name, version, digest, origin, body, about, created_at FROM policies"
        " WHERE tenant = :tenant AND name = :name AND version = CAST(:version AS int)",
        tenant=tenant,
        name=name,
        version=number,
    )
    if not rows:
        raise NotFound(f"the policy {name!r} has no version {number}")
    return _version(rows[0])


def bound_to(application: str, tenant: str = TENANT) -> str | None:
    """The name of the policy that an application is bound to."""
    return _read(tenant).bound.get(application)


def put(
    policy: Policy,
    *,
    origin: str = "stored",
    about: Mapping[str, Any] | None = None,
    tenant: str = TENANT,
) -> int:
    """Store a policy and give its version: a new one, unless the newest says the same.

    Every process goes by it within FRESH_SECONDS. Raises ConfigError where an engine refuses its
    options, or another policy claims one of its applications.
    """
    check_options(policy)
    with unit_of_work() as work:
        _one_at_a_time(work)
        others = [one.policy for one in standing(tenant) if one.policy.name != policy.name]
        demand_single_claims([*others, policy])
        number = _inserted(work, tenant, policy, origin, about)
    _last.pop(tenant, None)
    return number


def _one_at_a_time(work: UnitOfWork) -> None:
    work.execute("SELECT pg_advisory_xact_lock(hashtext('policies'))")


def _inserted(
    work: UnitOfWork,
    tenant: str,
    policy: Policy,
    origin: str,
    about: Mapping[str, Any] | None,
) -> int:
    """The version that holds this policy. A file may come back to what it said before; a
    calibration is a version of its own even where it finds what was.
    """
    _one_at_a_time(work)
    rows = work.execute(
        "SELECT version, digest, origin FROM policies WHERE tenant = :tenant AND name = :name"
        " ORDER BY version DESC",
        tenant=tenant,
        name=policy.name,
    ).all()
    stored = [row for row in rows if row.origin != "file"]
    same = {"file": rows, "stored": stored[:1], "calibrated": ()}
    for row in same[origin]:
        if row.digest == policy.digest:
            return int(row.version)
    number = rows[0].version + 1 if rows else 1
    work.execute(
        "INSERT INTO policies (tenant, name, version, digest, origin, body, about) VALUES (:tenant,"
        " :name, :version, :digest, :origin, CAST(:body AS json), CAST(:about AS json))",
        tenant=tenant,
        name=policy.name,
        version=number,
        digest=policy.digest,
        origin=origin,
        body=json.dumps(policy.body),
        about=None if about is None else json.dumps(about),
    )
    return int(number)


def _no_such(name: str, known: _Known) -> str:
    near = difflib.get_close_matches(name, known.versions, n=1, cutoff=0)
    return f"there is no policy {name!r}; did you mean {near[0]!r}?"
