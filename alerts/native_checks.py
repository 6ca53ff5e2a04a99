"""What Alertmanager refuses in `global` and `*_configs` beyond unknown keys and wrong kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from alerts.document import Block, Text, flag, items, mapping, plain, text
from alerts.native_fields import HTTP, Shape
from alerts.spans import duration
from core.configfile import unknown_key
from core.errors import ConfigError

SECRET = "<secret>"
_TEMPLATED_TYPE = re.compile(r"team|teams|user|escalation|schedule|.*\{\{.*\}\}.*", re.DOTALL)
_GO_DURATION = re.compile(
    r"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)"
)
_FIXED = ("routing_key", "message_type", "state_message", "entity_display_name")
_FIXED_TOO = ("monitoring_tool", "entity_id", "entity_state")
_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")


def checked(block: Block, shape: Shape) -> None:
    """Every key known and of its kind, all the way down. Raises ConfigError naming the place."""
    for key, value in block.items():
        if key not in shape:
            raise ConfigError(unknown_key(block.on(key), key, shape))
        _kind(block.at(key), value, shape[key])


def _kind(where: str, value: Any, kind: Any) -> None:
    if value is None:
        return
    if isinstance(kind, tuple):
        for index, one in enumerate(items(where, value)):
            _kind(f"{where}[{index}]", one, kind[0])
    elif not isinstance(kind, str):
        block = mapping(where, value)
        checked(block, kind)
        if kind is HTTP:
            _http(block)
    else:
        _KINDS[kind](where, value)


def _address(where: str, value: object) -> None:
    said = text(where, value)
    if said:
        host_and_port(where, said)


def host_and_port(where: str, said: str) -> tuple[str, str]:
    """`host:port`, an IPv6 host in brackets. Raises ConfigError."""
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^\[\]:]*)):([^\[\]:]*)", said)
    if not found or not found[3]:
        raise ConfigError(f"{where}: {said!r} is no address; write host:port")
    return found[1] or found[2] or "", found[3]


def _url(where: str, value: object) -> None:
    said = text(where, value)
    if said == SECRET:
        return
    try:
        parts = urlsplit(said)
        valid = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{where}: must be a URL such as https://host/path")


def _map(where: str, value: object) -> None:
    block = mapping(where, value)
    for key, one in block.items():
        text(block.at(key), one)


def number(where: str, value: object) -> int:
    """A number, its fraction cut off as Alertmanager does. Raises ConfigError."""
    said = plain(value) if isinstance(value, Text) else None
    if isinstance(said, bool) or not isinstance(said, int | float) or not abs(said) < 2**63:
        raise ConfigError(f"{where}: must be a whole number")
    return int(said)


def _count(where: str, value: object) -> None:
    if isinstance(value, Text) and value.tag == "int" and number(where, value) < 0:
        raise ConfigError(f"{where}: must not be negative")
    number(where, value)


def _texts(where: str, value: object) -> None:
    for index, one in enumerate(items(where, value)):
        text(f"{where}[{index}]", one)


def _go_duration(where: str, value: object) -> None:
    if not _GO_DURATION.fullmatch(text(where, value)):
        raise ConfigError(f"{where}: must be a duration such as 90s or 1h30m")


def _headers(where: str, value: object) -> None:
    for key, one in mapping(where, value).items():
        _texts(f"{where}: {key}", one)


_KINDS: dict[str, Callable[[str, Any], Any]] = {
    "text": text,
    "flag": flag,
    "number": number,
    "count": _count,
    "duration": duration,
    "go duration": _go_duration,
    "url": _url,
    "address": _address,
    "texts": _texts,
    "map": _map,
    "headers": _headers,
}


def said(block: Block, key: str) -> bool:
    """Whether a key holds anything."""
    return bool(block.get(key))


def at_most_one(block: Block, *keys: str) -> None:
    """Raises ConfigError where several of the keys are set."""
    if sum(said(block, key) for key in keys) > 1:
        raise ConfigError(f"{block.place}: write at most one of {' and '.join(keys)}")


def needed(block: Block, *keys: str) -> None:
    """Raises ConfigError where none of the keys is set."""
    if not any(said(block, key) for key in keys):
        raise ConfigError(f"{block.place}: {' or '.join(keys)}: missing")


def _http(block: Block) -> None:
    at_most_one(block, "bearer_token", "bearer_token_file")
    if said(block, "proxy_connect_header") and not said(block, "proxy_url"):
        raise ConfigError(f"{block.at('proxy_connect_header')}: needs proxy_url as well")
    bearer = said(block, "bearer_token") or said(block, "bearer_token_file")
    basic, oauth = block.get("basic_auth"), block.get("oauth2")
    authorization = block.get("authorization")
    if sum([bearer, basic is not None, oauth is not None, authorization is not None]) > 1:
        raise ConfigError(
            f"{block.place}: write at most one of basic_auth, authorization, oauth2, bearer_token"
        )
    if basic is not None:
        at_most_one(basic, "password", "password_file")
    if authorization is not None:
        at_most_one(authorization, "credentials", "credentials_file")
        if text("", authorization.get("type")).strip().lower() == "basic":
            raise ConfigError(f"{authorization.at('type')}: write basic_auth instead of 'basic'")
    if oauth is not None:
        at_most_one(oauth, "client_secret", "client_secret_file")
        for key in ("client_id", "token_url"):
            needed(oauth, key)
        needed(oauth, "client_secret", "client_secret_file")
        _tls(oauth)
    _tls(block)


def _tls(block: Block) -> None:
    settings = mapping(block.at("tls_config"), block.get("tls_config"))
    for key in ("min_version", "max_version"):
        if settings.get(key) is not None and settings[key] not in _TLS_VERSIONS:
            known = ", ".join(_TLS_VERSIONS)
            raise ConfigError(f"{settings.at(key)}: unknown TLS version; known: {known}")


def _email(block: Block, defaults: Block) -> None:
    needed(block, "to")
    at_most_one(block, "auth_password", "auth_password_file")
    _either(block, "smarthost", defaults, "smtp_smarthost")
    _either(block, "from", defaults, "smtp_from")
    seen = set()
    for name in mapping(block.at("headers"), block.get("headers")):
        if name.lower() in seen:
            raise ConfigError(f"{block.at('headers')}: {name!r} stands twice")
        seen.add(name.lower())
    _tls(block)


def _either(block: Block, key: str, defaults: Block, global_key: str) -> None:
    if not said(block, key) and not said(defaults, global_key):
        raise ConfigError(f"{block.place}: {key}: missing, and global has no {global_key} either")


def _slack(block: Block, defaults: Block) -> None:
    at_most_one(block, "api_url", "api_url_file")
    if not said(block, "api_url_file") and not said(defaults, "slack_api_url_file"):
        _either(block, "api_url", defaults, "slack_api_url")
    for field in _each(block, "fields"):
        for key in ("title", "value"):
            needed(field, key)
    for action in _each(block, "actions"):
        for key in ("type", "text"):
            needed(action, key)
        needed(action, "url", "name")
        if action.get("confirm") is not None:
            needed(action["confirm"], "text")


def _each(block: Block, key: str) -> Iterable[Block]:
    return [one for one in items(block.at(key), block.get(key)) if isinstance(one, Block)]


def _webhook(block: Block, _: Block) -> None:
    needed(block, "url")


def _pagerduty(block: Block, _: Block) -> None:
    needed(block, "routing_key", "routing_key_file", "service_key", "service_key_file")
    at_most_one(block, "routing_key", "routing_key_file")
    at_most_one(block, "service_key", "service_key_file")


def _opsgenie(block: Block, defaults: Block) -> None:
    at_most_one(block, "api_key", "api_key_file")
    if not any(said(block, key) for key in ("api_key", "api_key_file")) and not any(
        said(defaults, f"opsgenie_{key}") for key in ("api_key", "api_key_file")
    ):
        raise ConfigError(f"{block.place}: api_key: missing, and global has no opsgenie_api_key")
    for one in _each(block, "responders"):
        needed(one, "id", "username", "name")
        if not _TEMPLATED_TYPE.fullmatch(text("", one.get("type")).lower()):
            raise ConfigError(f"{one.at('type')}: must be team, user, escalation or schedule")


def _wechat(block: Block, defaults: Block) -> None:
    _either(block, "api_secret", defaults, "wechat_api_secret")
    _either(block, "corp_id", defaults, "wechat_api_corp_id")
    if text("", block.get("message_type")) not in ("", "text", "markdown"):
        raise ConfigError(f"{block.at('message_type')}: must be text or markdown")


def _pushover(block: Block, _: Block) -> None:
    needed(block, "user_key")
    needed(block, "token")


def _victorops(block: Block, defaults: Block) -> None:
    needed(block, "routing_key")
    at_most_one(block, "api_key", "api_key_file")
    if not said(block, "api_key_file") and not said(defaults, "victorops_api_key_file"):
        _either(block, "api_key", defaults, "victorops_api_key")
    for name in mapping(block.at("custom_fields"), block.get("custom_fields")):
        if name in (*_FIXED, *_FIXED_TOO):
            raise ConfigError(f"{block.at('custom_fields')}: {name!r} is a field of VictorOps")


def _sns(block: Block, _: Block) -> None:
    given = [key for key in ("target_arn", "topic_arn", "phone_number") if said(block, key)]
    if len(given) in (0, 2):
        raise ConfigError(f"{block.place}: write one of target_arn, topic_arn and phone_number")
    keys = mapping(block.at("sigv4"), block.get("sigv4"))
    if said(keys, "access_key") != said(keys, "secret_key"):
        raise ConfigError(f"{block.at('sigv4')}: access_key and secret_key go together")


def _telegram(block: Block, _: Block) -> None:
    needed(block, "bot_token")
    if block.get("chat_id") is None or not number("", block["chat_id"]):
        raise ConfigError(f"{block.place}: chat_id: missing")
    if text("", block.get("parse_mode")) not in ("", "Markdown", "MarkdownV2", "HTML"):
        raise ConfigError(f"{block.at('parse_mode')}: must be Markdown, MarkdownV2, HTML or empty")


def _discord(block: Block, _: Block) -> None:
    needed(block, "webhook_url")


def _webex(block: Block, _: Block) -> None:
    needed(block, "room_id")
    http = mapping(block.at("http_config"), block.get("http_config"))
    if http.get("authorization") is None and not (
        said(http, "bearer_token") or said(http, "bearer_token_file")
    ):
        raise ConfigError(f"{block.place}: http_config: authorization: missing")


CHECKS: dict[str, Callable[[Block, Block], None]] = {
    "email_configs": _email,
    "slack_configs": _slack,
    "webhook_configs": _webhook,
    "pagerduty_configs": _pagerduty,
    "opsgenie_configs": _opsgenie,
    "wechat_configs": _wechat,
    "pushover_configs": _pushover,
    "victorops_configs": _victorops,
    "sns_configs": _sns,
    "telegram_configs": _telegram,
    "discord_configs": _discord,
    "webex_configs": _webex,
}


_URLS = {
    "pagerduty_configs": ("url", "pagerduty_url"),
    "opsgenie_configs": ("api_url", "opsgenie_api_url"),
    "victorops_configs": ("api_url", "victorops_api_url"),
    "wechat_configs": ("api_url", "wechat_api_url"),
    "webex_configs": ("api_url", "webex_api_url"),
}


def check_entry(key: str, block: Block, defaults: Block) -> None:
    """One entry of `key`, its kinds checked already. Raises ConfigError."""
    CHECKS[key](block, defaults)
    url, above = _URLS.get(key, ("", ""))
    if above in defaults and defaults[above] is None and not said(block, url):
        raise ConfigError(f"{block.place}: {url}: missing, and global empties {above}")


def check_global(block: Block) -> None:
    """Raises ConfigError for settings that exclude one another."""
    at_most_one(block, "slack_api_url", "slack_api_url_file")
    at_most_one(block, "opsgenie_api_key", "opsgenie_api_key_file")
    at_most_one(block, "victorops_api_key", "victorops_api_key_file")
    at_most_one(block, "smtp_auth_password", "smtp_auth_password_file")
