"""Any HTTP endpoint, signed as Standard Webhooks say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from alerts import message
from alerts.nouns import Delivery, Notification
from alerts.receivers.base import Receiver, Strict, accepted, http_url

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


class WebhookConfig(Strict):
    """Without `secret` the message goes unsigned."""

    url: Annotated[SecretStr, AfterValidator(http_url)]
    secret: Annotated[SecretStr, AfterValidator(_base64)] | None = None


class Webhook(Receiver[WebhookConfig]):
    """Posts Alertmanager's webhook document with `webhook-id`, `-timestamp` and `-signature`.

    The id is the same in every attempt, so the peer can drop a repeat; the timestamp is the
    attempt's own. What is signed is what is sent, byte for byte.
    """

    type = "webhook"
    Config = WebhookConfig

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        sent = message.body(message.document(notification))
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
