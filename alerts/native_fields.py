"""The keys of Alertmanager 0.25's `global` and `*_configs`, and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Kind = Literal[
    "text",
    "flag",
    "number",
    "count",
    "duration",
    "go duration",
    "url",
    "address",
    "texts",
    "map",
    "headers",
]
Shape = Mapping[str, Any]
"""Each key is of a kind, of a shape of its own, or a list (a tuple of one) of such."""


def _all(kind: Kind, *names: str) -> dict[str, Kind]:
    return dict.fromkeys(" ".join(names).split(), kind)


TLS: Shape = {
    **_all("text", "ca_file cert_file key_file server_name min_version max_version"),
    "insecure_skip_verify": "flag",
}
HTTP: Shape = {
    "basic_auth": _all("text", "username password password_file"),
    "authorization": _all("text", "type credentials credentials_file"),
    "oauth2": {
        **_all("text", "client_id client_secret client_secret_file token_url proxy_url"),
        "scopes": "texts",
        "endpoint_params": "map",
        "tls_config": TLS,
    },
    **_all("text", "bearer_token bearer_token_file proxy_url"),
    "proxy_connect_header": "headers",
    "tls_config": TLS,
    **_all("flag", "follow_redirects enable_http2"),
}
_HTTP: Shape = {"send_resolved": "flag", "http_config": HTTP}

GLOBAL: Shape = {
    "resolve_timeout": "duration",
    "http_config": HTTP,
    "smtp_smarthost": "address",
    **_all("text", "smtp_from smtp_hello smtp_auth_username smtp_auth_password"),
    **_all("text", "smtp_auth_password_file smtp_auth_secret smtp_auth_identity"),
    "smtp_require_tls": "flag",
    **_all("url", "slack_api_url pagerduty_url opsgenie_api_url wechat_api_url"),
    **_all("url", "victorops_api_url telegram_api_url webex_api_url"),
    **_all("text", "slack_api_url_file opsgenie_api_key opsgenie_api_key_file"),
    **_all("text", "wechat_api_secret wechat_api_corp_id"),
    **_all("text", "victorops_api_key victorops_api_key_file"),
}

SHAPES: Mapping[str, Shape] = {
    "email_configs": {
        "send_resolved": "flag",
        **_all("text", "to from hello auth_username auth_password auth_password_file"),
        **_all("text", "auth_secret auth_identity html text"),
        "smarthost": "address",
        "headers": "map",
        "require_tls": "flag",
        "tls_config": TLS,
    },
    "slack_configs": {
        **_HTTP,
        "api_url": "url",
        **_all("text", "api_url_file channel username color title title_link pretext text"),
        **_all("text", "footer fallback callback_id icon_emoji icon_url image_url thumb_url"),
        **_all("flag", "short_fields link_names"),
        "mrkdwn_in": "texts",
        "fields": ({**_all("text", "title value"), "short": "flag"},),
        "actions": (
            {
                **_all("text", "type text url style name value"),
                "confirm": _all("text", "text title ok_text dismiss_text"),
            },
        ),
    },
    "webhook_configs": {**_HTTP, "url": "url", "max_alerts": "count"},
    "pagerduty_configs": {
        **_HTTP,
        "url": "url",
        **_all("text", "service_key service_key_file routing_key routing_key_file client"),
        **_all("text", "client_url description source severity class component group"),
        "details": "map",
        "images": (_all("text", "href src alt"),),
        "links": (_all("text", "href text"),),
    },
    "opsgenie_configs": {
        **_HTTP,
        "api_url": "url",
        **_all("text", "api_key api_key_file message description source entity actions tags"),
        **_all("text", "note priority"),
        "details": "map",
        "responders": (_all("text", "id name username type"),),
        "update_alerts": "flag",
    },
    "wechat_configs": {
        **_HTTP,
        "api_url": "url",
        **_all("text", "api_secret corp_id message to_user to_party to_tag agent_id message_type"),
    },
    "pushover_configs": {
        **_HTTP,
        **_all("text", "user_key token title message url url_title sound priority"),
        **_all("go duration", "retry expire"),
        "html": "flag",
    },
    "victorops_configs": {
        **_HTTP,
        "api_url": "url",
        **_all("text", "api_key api_key_file routing_key message_type state_message"),
        **_all("text", "entity_display_name monitoring_tool"),
        "custom_fields": "map",
    },
    "sns_configs": {
        **_HTTP,
        **_all("text", "api_url topic_arn phone_number target_arn subject message"),
        "sigv4": _all("text", "region access_key secret_key profile role_arn"),
        "attributes": "map",
    },
    "telegram_configs": {
        **_HTTP,
        "api_url": "url",
        **_all("text", "bot_token message parse_mode"),
        "chat_id": "number",
        "disable_notifications": "flag",
    },
    "discord_configs": {**_HTTP, "webhook_url": "url", **_all("text", "title message")},
    "webex_configs": {**_HTTP, "api_url": "url", **_all("text", "room_id message")},
}

SILENT_WHEN_RESOLVED = ("email_configs", "slack_configs", "wechat_configs")
"""Those whose `send_resolved` is false unless written."""
