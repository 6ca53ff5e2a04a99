"""Any HTTP endpoint, signed as Standard Webhooks say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from alerts import message
from alerts.nouns import Delivery, Notification
from alerts.receivers.base import Receiver, Settings, accepted, http_url
from alerts.sample import samples
from core.errors import ConfigError, DeliveryError
from core.http import HttpClient

PREFIX = "whsec_"


def _key(secret: SecretStr) -> bytes:
    return base64.b64decode(secret.get_secret_value().removeprefix(PREFIX), validate=True)


def _base64(value: SecretStr) -> SecretStr:
    try:
        usable = bool(_key(value))
    except (binascii.Error, ValueError):
        usable = False
    if not usable:
        raise ValueError(f"must be {PREFIX} and base64, as `openssl rand -base64 32` prints")
    return value


class WebhookConfig(Settings):
    """Without `secret` the message goes unsigned. `max_alerts` 0 sends all alerts."""

    url: Annotated[SecretStr, AfterValidator(http_url)]
    secret: Annotated[SecretStr, AfterValidator(_base64)] | None = None
    max_alerts: Annotated[int, Field(ge=0)] = 0


class Webhook(Receiver[WebhookConfig]):
    """Posts Alertmanager's webhook document with `webhook-id`, `-timestamp` and `-signature`.

    The document also carries the id and the reason; a template `body` replaces it whole and must
    make JSON. The id is the same in every attempt, so the peer can drop a repeat; the timestamp is
    the attempt's own. What is signed is what is sent, byte for byte.
    """

    type = "webhook"
    Config = WebhookConfig
    parts: ClassVar[Mapping[str, str]] = {"title": "title.txt", "body": ""}

    def __init__(self, name: str, config: WebhookConfig, http: HttpClient) -> None:
        """Raises ConfigError for a template `body` whose text is not JSON."""
        super().__init__(name, config, http)
        for one in samples():
            self._body(one)

    def _body(self, notification: Notification) -> bytes:
        if "body" not in self.templates:
            told = message.document(notification, self.config.max_alerts)
            dedup = {
                "dedupKey": notification.dedup_key,
                "reason": message.clean(notification.reason),
            }
            return message.body({**told, **dedup})
        made = self.templates.render("body", self.view(notification))
        try:
            json.loads(made)
        except ValueError as problem:
            raise ConfigError(f"templates: body: makes no JSON: {problem}") from None
        return made.encode("utf-8")

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        try:
            sent = self._body(notification)
        except ConfigError as problem:
            raise DeliveryError(str(problem), permanent=True) from None
        stamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notification.dedup_key,
            "webhook-timestamp": stamp,
        }
        if self.config.secret is not None:
            signed = f"{notification.dedup_key}.{stamp}.".encode() + sent
            digest = hmac.new(_key(self.config.secret), signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        answer = self.http.post(self.config.url.get_secret_value(), sent, headers)
        return accepted(answer, f"webhook {self.name}")
