"""`reports.yaml`: the schedules of an operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.configfile import as_list, as_mapping, load_yaml, parse_yaml
from core.errors import BadInput, ConfigError
from reports import schedule
from reports.schedule import Schedule, demand_known, demand_receivers, parse

KEYS = ("reports", "mail_by")


def load_reports(
    path: Path, known: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> tuple[Schedule, ...]:
    """The schedules of a file. `known` has the type of each receiver of alerts.yaml by name.

    Raises ConfigError naming file, entry, key and the nearest known word.
    """
    return _document(load_yaml(path, environment), str(path), known)


def parse_reports(
    text: str,
    known: Mapping[str, str],
    where: str = "reports.yaml",
    environment: Mapping[str, str] | None = None,
) -> tuple[Schedule, ...]:
    """As `load_reports`, from a string; `where` names the source in errors."""
    return _document(parse_yaml(text, where, environment), where, known)


def _document(
    document: Mapping[str, Any], where: str, known: Mapping[str, str]
) -> tuple[Schedule, ...]:
    try:
        demand_known(document, KEYS)
    except BadInput as problem:
        raise ConfigError(f"{where}: {problem}") from None
    found: dict[str, Schedule] = {}
    default = {"mail_by": document["mail_by"]} if document.get("mail_by") else {}
    for place, entry in enumerate(as_list(f"{where}: reports", document.get("reports"))):
        here = f"{where}: reports[{place}]"
        raw = as_mapping(here, entry)
        try:
            one = parse({**default, **raw})
            demand_receivers(one.receivers, one.mail_by, known)
        except BadInput as problem:
            named = f" {raw['name']!r}" if isinstance(raw.get("name"), str) else ""
            key = f"{problem.field}: " if problem.field.split("[")[0] in schedule.KEYS else ""
            raise ConfigError(f"{here}{named}: {key}{problem}") from None
        if one.name in found:
            raise ConfigError(f"{here} {one.name!r}: name used twice; make it unique")
        found[one.name] = one
    return tuple(found.values())
