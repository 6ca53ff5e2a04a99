"""Alertmanager's own receivers (`email_configs`, `slack_configs`, …) as Sentinel's.

Each entry becomes one receiver of a `type`. What it asks for and Sentinel does otherwise, such as
Go templates, is a warning; what cannot be sent at all becomes a receiver that says so at each try.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.document import Block, flag, items, mapping, text
from alerts.native_checks import SECRET, check_entry, checked, host_and_port, number, said
from alerts.native_fields import SHAPES, SILENT_WHEN_RESOLVED
from alerts.nouns import Delivery, Notification
from alerts.receivers import make, registry
from alerts.receivers.base import AnyReceiver, Receiver, Strict
from core.errors import ConfigError, DeliveryError
from core.http import HttpClient


@dataclass(frozen=True, slots=True)
class Part:
    """One of the ways in which a receiver tells people; `name` is that of the way."""

    name: str
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Built:
    """A part, what sends for it, and what it asks for in vain."""

    part: Part
    receiver: AnyReceiver
    warnings: tuple[str, ...] = ()


class Unable(Receiver[Strict]):
    """Stands for a receiver that Alertmanager knows and this farm cannot serve: each try fails."""

    type = "unable"
    Config = Strict

    def __init__(self, name: str, reason: str, http: HttpClient) -> None:
        super().__init__(name, Strict(), http)
        self.reason = reason

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """Raises DeliveryError, always."""
        raise DeliveryError(self.reason, permanent=True)


Mapped = tuple[str, dict[str, Any], set[str]]
"""Type, config, and the keys that the config took up."""


def built(entry: Block, defaults: Block, http: HttpClient) -> Iterator[Built]:
    """The parts of one entry of `receivers`. Raises ConfigError as Alertmanager refuses."""
    name = text(entry.at("name"), entry["name"])
    kinds = [(key, entry[key]) for key in SHAPES if entry.get(key)]
    listed = [(key, items(entry.at(key), value)) for key, value in kinds]
    alone = sum(len(entries) for _, entries in listed) == 1
    for key, entries in listed:
        word = key.removesuffix("_configs")
        for index, one in enumerate(entries):
            block = mapping(entries.at(index), one)
            checked(block, SHAPES[key])
            check_entry(key, block, defaults)
            number = f"[{index}]" if len(entries) > 1 else ""
            part = name if alone else f"{name}/{word}{number}"
            resolved = key not in SILENT_WHEN_RESOLVED
            if block.get("send_resolved") is not None:
                resolved = flag(block.at("send_resolved"), block["send_resolved"])
            receiver, warnings = _receiver(key, part, block, defaults, http)
            yield Built(Part(part, resolved), receiver, warnings)


def _receiver(
    key: str, name: str, block: Block, defaults: Block, http: HttpClient
) -> tuple[AnyReceiver, tuple[str, ...]]:
    try:
        kind, config, used = MAPPINGS[key](block, defaults)
        if kind not in registry():
            raise ConfigError(f"this farm has no receivers of type {kind}")
        made = make(block.place, name, kind, config, http)
    except (ConfigError, LookupError, OSError, ValueError) as problem:
        reason = str(problem).removeprefix(f"{block.place}: ")
        warning = f"{block.place}: loaded, but cannot be sent: {reason}"
        return Unable(name, f"{key} of {name}: {reason}", http), (warning,)
    vain = sorted(set(block) - used - {"send_resolved"})
    if not vain:
        return made, ()
    return made, (f"{block.place}: has no effect here: {', '.join(vain)}",)


def _secret(block: Block, key: str, fallback: Mapping[str, Any], global_key: str) -> str:
    """A secret from its key or file, here or in `global`."""
    for source, name in ((block, key), (fallback, global_key)):
        if source.get(name):
            if source[name] == SECRET:
                raise ConfigError(f"{name} is masked as {SECRET}; write the real one")
            return str(source[name])
        if source.get(f"{name}_file"):
            return Path(str(source[f"{name}_file"])).read_text(encoding="utf-8").strip()
    return ""


def _email(block: Block, defaults: Block) -> Mapped:
    address = str(block.get("smarthost") or defaults.get("smtp_smarthost"))
    host, port = host_and_port(block.at("smarthost"), address)
    tls = block.get("require_tls", defaults.get("smtp_require_tls"))
    smtp: dict[str, Any] = {
        "host": host,
        "port": int(port) if port.isdigit() else socket.getservbyname(port, "tcp"),
        "starttls": "required" if tls is None or flag("", tls) else "never",
    }
    if user := block.get("auth_username") or defaults.get("smtp_auth_username"):
        smtp["username"] = str(user)
    if password := _secret(block, "auth_password", defaults, "smtp_auth_password"):
        smtp["password"] = password
    tls_config = mapping("", block.get("tls_config"))
    if tls_config.get("ca_file"):
        smtp["ca_file"] = str(tls_config["ca_file"])
    config = {
        "smtp": smtp,
        "from": str(block.get("from") or defaults.get("smtp_from")),
        "to": str(block["to"]),
    }
    used = {"to", "from", "smarthost", "require_tls", "auth_username", "auth_password"}
    return "email", config, used | {"auth_password_file"} | _tls_used(tls_config)


def _tls_used(block: Block) -> set[str]:
    return {"tls_config"} if set(block) <= {"ca_file"} else set()


def _slack(block: Block, defaults: Block) -> Mapped:
    config = {"webhookUrl": _secret(block, "api_url", defaults, "slack_api_url")}
    if said(block, "channel"):
        config["channel"] = str(block["channel"])
    return "slack", config, {"api_url", "api_url_file", "channel"}


def _webhook(block: Block, defaults: Block) -> Mapped:
    config: dict[str, Any] = {"url": _secret(block, "url", {}, "")}
    used = {"url", "max_alerts"}
    if block.get("max_alerts") is not None:
        config["max_alerts"] = max(0, number("", block["max_alerts"]))
    http = mapping("", block.get("http_config") or defaults.get("http_config"))
    if set(http) <= {"basic_auth"} or set(http) <= {"bearer_token", "bearer_token_file"}:
        used.add("http_config")
    basic = mapping("", http.get("basic_auth"))
    if basic.get("username"):
        config["username"] = str(basic["username"])
        config["password"] = _secret(basic, "password", {}, "")
    if token := _secret(http, "bearer_token", {}, ""):
        config["bearer_token"] = token
    return "alertmanager", config, used


def _pagerduty(block: Block, defaults: Block) -> Mapped:
    if not (key := _secret(block, "routing_key", {}, "")):
        raise ConfigError("Events API v1 (service_key) has ended; make a routing_key")
    config = {"routing_key": key}
    if url := block.get("url") or defaults.get("pagerduty_url"):
        config["url"] = str(url)
    return "pagerduty", config, {"routing_key", "routing_key_file", "url"}


def _apprise(url: str, *used: str) -> Mapped:
    return "apprise", {"urls": [url]}, set(used)


def _opsgenie(block: Block, defaults: Block) -> Mapped:
    key = _secret(block, "api_key", defaults, "opsgenie_api_key")
    return _apprise(f"opsgenie://{key}", "api_key", "api_key_file")


def _pushover(block: Block, _: Block) -> Mapped:
    url = f"pover://{_secret(block, 'user_key', {}, '')}@{_secret(block, 'token', {}, '')}"
    return _apprise(url, "user_key", "token")


def _telegram(block: Block, _: Block) -> Mapped:
    url = f"tgram://{_secret(block, 'bot_token', {}, '')}/{number('', block['chat_id'])}"
    return _apprise(url, "bot_token", "chat_id")


def _discord(block: Block, _: Block) -> Mapped:
    return _apprise(_secret(block, "webhook_url", {}, ""), "webhook_url")


def _victorops(block: Block, defaults: Block) -> Mapped:
    key = _secret(block, "api_key", defaults, "victorops_api_key")
    url = f"victorops://{block['routing_key']}@{key}"
    return _apprise(url, "api_key", "api_key_file", "routing_key")


def _none(word: str) -> Callable[[Block, Block], Mapped]:
    def refuse(block: Block, _: Block) -> Mapped:
        raise ConfigError(f"there is no way to send {word} from here; use webhook or apprise")

    return refuse


MAPPINGS: Mapping[str, Callable[[Block, Block], Mapped]] = {
    "email_configs": _email,
    "slack_configs": _slack,
    "webhook_configs": _webhook,
    "pagerduty_configs": _pagerduty,
    "opsgenie_configs": _opsgenie,
    "pushover_configs": _pushover,
    "telegram_configs": _telegram,
    "discord_configs": _discord,
    "victorops_configs": _victorops,
    "wechat_configs": _none("wechat"),
    "sns_configs": _none("sns"),
    "webex_configs": _none("webex"),
}
