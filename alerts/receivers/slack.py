"""Slack's incoming webhooks; also the receiver to copy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from alerts import message
from alerts.nouns import Delivery, Notification, Status
from alerts.receivers.base import Receiver, Strict, accepted, http_url

_COLOURS = {Status.FIRING: "danger", Status.RESOLVED: "good"}


class SlackConfig(Strict):
    """`channel` matters to legacy hooks only: newer ones are bound to theirs."""

    webhook_url: Annotated[SecretStr, AfterValidator(http_url)] = Field(alias="webhookUrl")
    channel: str | None = None


class Slack(Receiver[SlackConfig]):
    """Posts one message with a coloured attachment."""

    type = "slack"
    Config = SlackConfig

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        headline, _, rest = message.text(notification).partition("\n")
        content: dict[str, object] = {
            "text": _escaped(headline),
            "attachments": [
                {
                    "color": _COLOURS[notification.status],
                    "fallback": _escaped(headline),
                    "text": _escaped(rest.strip()),
                    "mrkdwn_in": [],
                    "ts": int(notification.at.timestamp()),
                }
            ],
        }
        if self.config.channel:
            content["channel"] = self.config.channel
        answer = self.http.post(
            self.config.webhook_url.get_secret_value(),
            message.body(content),
            {"Content-Type": "application/json"},
        )
        return accepted(answer, "Slack")


def _escaped(text: str) -> str:
    """Slack reads mentions and links out of angle brackets; alert text must not make any."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
