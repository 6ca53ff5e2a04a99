"""Slack's incoming webhooks; also the receiver to copy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from alerts import message
from alerts.nouns import Delivery, Notification, Status
from alerts.receivers.base import Receiver, Settings, accepted, http_url

_COLOURS = {Status.FIRING: "danger", Status.RESOLVED: "good"}
_LONGEST = 7000
"""Characters of an attachment's text; Slack cuts off what is longer than 8000."""


class SlackConfig(Settings):
    """`channel` and `username` matter to legacy hooks only: newer ones are bound to theirs."""

    webhook_url: Annotated[SecretStr, AfterValidator(http_url)] = Field(alias="webhookUrl")
    channel: str | None = None
    username: str | None = None


class Slack(Receiver[SlackConfig]):
    """Posts one message with a coloured attachment, as Alertmanager does."""

    type = "slack"
    Config = SlackConfig
    parts: ClassVar[Mapping[str, str]] = {"title": "title.txt", "text": "slack.txt"}
    curves = 3

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        view = self.view(notification, escape=_escaped)
        title, link = view["title"], notification.context.external_url
        attachment: dict[str, object] = {
            "title": title,
            "text": self.templates.render("text", view).strip()[:_LONGEST],
            "fallback": f"{title} | {link}" if link else title,
            "color": _COLOURS[notification.status],
            "footer": "Sentinel",
            "mrkdwn_in": ["fallback", "pretext", "text"],
            "ts": int(notification.at.timestamp()),
        }
        if link:
            attachment["title_link"] = f"{link}/api/v1/alerts"
        content: dict[str, object] = {"attachments": [attachment]}
        for key in ("channel", "username"):
            if value := getattr(self.config, key):
                content[key] = value
        answer = self.http.post(
            self.config.webhook_url.get_secret_value(),
            message.body(content),
            {"Content-Type": "application/json"},
        )
        return accepted(answer, "Slack")


def _escaped(text: str) -> str:
    """Slack reads mentions and links out of angle brackets; alert text must not make any."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
