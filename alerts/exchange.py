"""Alertmanager's file into ours and ours into Alertmanager's: the same tree, receivers and rules.

alerts.yaml takes Alertmanager's file as it is, so importing is putting it into today's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts.config import AlertConfig
from alerts.document import Block, plain
from alerts.matchers import Matcher
from alerts.native import MAPPINGS, Unable
from alerts.native_fields import SHAPES, SILENT_WHEN_RESOLVED
from alerts.routes import EXTENSIONS, FLAT, matchers
from alerts.spans import span
from core.errors import ConfigError

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A document to be written as YAML, and what it could not take along."""

    document: dict[str, Any]
    losses: tuple[str, ...]


def imported(config: AlertConfig) -> Exchanged:
    """An Alertmanager file as alerts.yaml: receivers as type and config where that says all."""
    top = config.source
    defaults = top.get("global") or Block("", "", 0)
    found = _shared(top)
    if "global" in top:
        found = {"global": _raw(top["global"]), **found}
    found["receivers"] = [_own(entry, defaults) for entry in top.get("receivers") or ()]
    found["route"] = _route(top["route"]) if "route" in top else _flat(top, losses=[])
    return Exchanged(_ordered(found), config.warnings)


def exported(config: AlertConfig) -> Exchanged:
    """Our alerts.yaml as a file that Alertmanager loads; `losses` says what it has no word for."""
    top = config.source
    losses: list[str] = []
    found = _shared(top)
    if "global" in top:
        found["global"] = _raw(top["global"])
    if "heartbeat" in top:
        losses.append("heartbeat: Alertmanager has none; a rule that always fires serves there")
    found["route"] = _route(top["route"], losses) if "route" in top else _flat(top, losses)
    entries = [_native(config, entry, losses) for entry in top.get("receivers") or ()]
    if "routing" in top:
        entries.append({"name": NOBODY})
    found["receivers"] = entries
    return Exchanged(_ordered(found), tuple(losses))


def _ordered(found: Mapping[str, Any]) -> dict[str, Any]:
    order = ("global", "templates", "route", "receivers", "inhibit_rules", "time_intervals")
    return {key: found[key] for key in order if found.get(key)}


def _raw(value: Any) -> Any:
    """Numbers and booleans as YAML means them, every other scalar as it was written."""
    if isinstance(value, dict):
        return {name: _raw(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_raw(each) for each in value]
    if getattr(value, "tag", "str") in ("bool", "int"):
        return plain(value)
    return None if value is None else str(value)


def _shared(top: Block) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if top.get("templates"):
        found["templates"] = _raw(top["templates"])
    intervals = [*(top.get("mute_time_intervals") or ()), *(top.get("time_intervals") or ())]
    found["time_intervals"] = [_texts(one) for one in intervals]
    found["inhibit_rules"] = [_rule(rule) for rule in top.get("inhibit_rules") or ()]
    return found


def _texts(value: Any) -> Any:
    """Every scalar as a text, since `2020` is a range of years and `09:00` must stay a clock."""
    if isinstance(value, dict):
        return {name: _texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return None if value is None else str(value)


def _lines(found: tuple[Matcher, ...]) -> list[str]:
    return [str(one) for one in found]


def _rule(rule: Block) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for side in ("source", "target"):
        found = matchers(rule, f"{side}_match", f"{side}_match_re", f"{side}_matchers")
        if found:
            made[f"{side}_matchers"] = _lines(found)
    if rule.get("equal"):
        made["equal"] = _texts(rule["equal"])
    return made


def _route(keys: Block, losses: list[str] | None = None) -> dict[str, Any]:
    made = {}
    for key, value in keys.items():
        if key in ("match", "match_re", "matchers", "routes") or value is None:
            continue
        if losses is not None and key in EXTENSIONS:
            losses.append(f"{keys.on(key)}: {key}: Alertmanager knows no escalation")
            continue
        made[key] = plain(value) if key == "continue" else _texts(value)
    if found := matchers(keys, "match", "match_re", "matchers"):
        made["matchers"] = _lines(found)
    if keys.get("routes"):
        made["routes"] = [_route(one, losses) for one in keys["routes"]]
    return made


def _flat(top: Block, losses: list[str]) -> dict[str, Any]:
    routes = []
    for entry in top.get("routing") or ():
        one = _route(entry, losses)
        names = one.pop("receivers")
        if len(names) == 1:
            one["receiver"] = names[0]
        else:
            one["routes"] = [{"receiver": name, "continue": True} for name in names]
        routes.append(one)
    return {
        "receiver": NOBODY,
        "group_by": list(FLAT.group_by or ()),
        "group_wait": span(FLAT.group_wait),
        "group_interval": span(FLAT.group_interval),
        "repeat_interval": span(FLAT.repeat_interval),
        "routes": routes,
    }


def _own(entry: Block, defaults: Block) -> dict[str, Any]:
    """A native receiver of one part as type and config, where these take up every key."""
    listed = [(key, one) for key in SHAPES for one in entry.get(key) or ()]
    if len(listed) == 1:
        key, block = listed[0]
        try:
            kind, config, used = MAPPINGS[key](block, defaults)
        except (ConfigError, LookupError, OSError):
            return dict(_raw(entry))
        if not set(block) - used - {"send_resolved"}:
            resolved = plain(block.get("send_resolved"))
            if resolved is None:
                resolved = key not in SILENT_WHEN_RESOLVED
            return {
                "name": str(entry["name"]),
                "type": kind,
                "send_resolved": resolved,
                "config": config,
            }
    return dict(_raw(entry))


def _native(config: AlertConfig, entry: Block, losses: list[str]) -> dict[str, Any]:
    name = str(entry["name"])
    if "type" not in entry:
        return dict(_raw(entry))
    receiver = config.receivers[name]
    if isinstance(receiver, Unable) or receiver.type not in _WRITERS:
        if receiver.type != "nowhere":
            losses.append(f"receiver {name}: Alertmanager has no {receiver.type}")
        return {"name": name}
    key, one, lost = _WRITERS[receiver.type](plain(entry.get("config")) or {})
    losses += [f"receiver {name}: Alertmanager has no {word} for {receiver.type}" for word in lost]
    return {"name": name, key: [{"send_resolved": config.parts[name][0].send_resolved, **one}]}


Written = tuple[str, dict[str, Any], list[str]]


def _email(config: dict[str, Any]) -> Written:
    smtp = config["smtp"]
    host = smtp["host"]
    address = f"[{host}]" if ":" in host else host
    to = config["to"]
    one: dict[str, Any] = {
        "to": to if isinstance(to, str) else ", ".join(to),
        "from": config["from"],
        "smarthost": f"{address}:{smtp.get('port', 587)}",
        "require_tls": smtp.get("starttls", "auto") != "never",
    }
    if smtp.get("username"):
        one["auth_username"] = smtp["username"]
    if smtp.get("password"):
        one["auth_password"] = smtp["password"]
    if smtp.get("ca_file"):
        one["tls_config"] = {"ca_file": smtp["ca_file"]}
    known = {"host", "port", "username", "password", "starttls", "ca_file"}
    return "email_configs", one, _lost(config, {"smtp", "to", "from"}) + _lost(smtp, known)


def _slack(config: dict[str, Any]) -> Written:
    one = {"api_url": config["webhookUrl"]}
    if config.get("channel"):
        one["channel"] = config["channel"]
    return "slack_configs", one, _lost(config, {"webhookUrl", "channel"})


def _webhook(config: dict[str, Any]) -> Written:
    return "webhook_configs", {"url": config["url"]}, _lost(config, {"url"})


def _alertmanager(config: dict[str, Any]) -> Written:
    one = {"url": config["url"]}
    if config.get("max_alerts"):
        one["max_alerts"] = config["max_alerts"]
    if config.get("bearer_token"):
        one["http_config"] = {"bearer_token": config["bearer_token"]}
    elif config.get("username"):
        basic = {"username": config["username"], "password": config.get("password", "")}
        one["http_config"] = {"basic_auth": basic}
    known = {"url", "max_alerts", "bearer_token", "username", "password"}
    return "webhook_configs", one, _lost(config, known)


def _pagerduty(config: dict[str, Any]) -> Written:
    one = {"routing_key": config["routing_key"]}
    if config.get("url"):
        one["url"] = config["url"]
    return "pagerduty_configs", one, _lost(config, {"routing_key", "url"})


def _lost(config: Mapping[str, Any], known: set[str]) -> list[str]:
    return sorted(set(config) - known)


_WRITERS = {
    "email": _email,
    "slack": _slack,
    "alertmanager": _alertmanager,
    "webhook": _webhook,
    "pagerduty": _pagerduty,
}
