"""Tells nobody, on purpose."""

from __future__ import annotations

from datetime import datetime

from alerts.nouns import Delivery, Notification
from alerts.receivers.base import Receiver, Strict


class Nowhere(Receiver[Strict]):
    """Accepts everything and sends nothing.

    In Alertmanager's tree a receiver with a name and nothing else is this one.
    """

    type = "nowhere"
    Config = Strict

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt, which never fails."""
        return Delivery(0, "this receiver tells nobody, as configured")
