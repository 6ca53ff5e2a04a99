"""The dead man's switch: signs of life to a watcher outside, who is alarmed when they stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.document import Block, mapping, text
from alerts.nouns import Alert
from alerts.routes import known
from alerts.spans import duration
from alerts.tree import Target
from core.errors import ConfigError

LABELS = {"alertname": "Heartbeat", "severity": "none"}
SUMMARY = "Sentinel decides and delivers; be alarmed when this message stops."


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`receiver` is told every `interval` seconds that the farm lives."""

    receiver: str
    interval: float

    def alert(self, now: datetime) -> Alert:
        """Burns always: only its messages matter."""
        return Alert(LABELS, now, now, annotations={"summary": SUMMARY})

    def target(self) -> Target:
        """Where it goes: told at once, then at every interval, and never muted."""
        return Target(
            receiver=self.receiver,
            place="heartbeat",
            path="heartbeat",
            group_by=("alertname",),
            group_wait=0.0,
            group_interval=self.interval,
            repeat_interval=self.interval / 2,
        )


def heartbeat(top: Block) -> Heartbeat | None:
    """From the key `heartbeat`, where there is one. Raises ConfigError."""
    if top.get("heartbeat") is None:
        return None
    block = mapping(top.at("heartbeat"), top["heartbeat"])
    known(block, ("receiver", "interval"))
    receiver = text(block.at("receiver"), block.get("receiver"))
    if not receiver:
        raise ConfigError(f"{block.place}: receiver: missing; name who is told")
    if block.get("interval") is None:
        return Heartbeat(receiver, 60.0)
    interval = duration(block.at("interval"), block["interval"])
    if interval < 1:
        raise ConfigError(f"{block.at('interval')}: must be at least 1s")
    return Heartbeat(receiver, interval)
