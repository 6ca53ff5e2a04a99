"""Whatever takes Alertmanager's webhook: the same body, byte for byte in its fields."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from alerts import message
from alerts.nouns import Delivery, Notification
from alerts.receivers.base import Receiver, Settings, accepted, http_url


class AlertmanagerConfig(Settings):
    """`max_alerts` 0 sends all. Authorization is by `bearer_token`, or by `username` and
    `password`."""

    url: Annotated[SecretStr, AfterValidator(http_url)]
    max_alerts: Annotated[int, Field(ge=0)] = 0
    bearer_token: SecretStr | None = None
    username: str = ""
    password: SecretStr = SecretStr("")


class Alertmanager(Receiver[AlertmanagerConfig]):
    """Posts version 4 of Alertmanager's webhook document and nothing beside it.

    The header `Idempotency-Key` is the same in every attempt, for peers that look at it.
    """

    type = "alertmanager"
    Config = AlertmanagerConfig

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notification.dedup_key,
            **self._authorization(),
        }
        sent = message.body(message.document(notification, self.config.max_alerts))
        answer = self.http.post(self.config.url.get_secret_value(), sent, headers)
        return accepted(answer, f"webhook {self.name}")

    def _authorization(self) -> dict[str, str]:
        if self.config.bearer_token is not None:
            return {"Authorization": f"Bearer {self.config.bearer_token.get_secret_value()}"}
        if self.config.username:
            pair = f"{self.config.username}:{self.config.password.get_secret_value()}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}
