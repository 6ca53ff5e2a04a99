"""The long tail: every service that apprise knows, by its URL."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr, model_validator

from alerts.nouns import Delivery, Notification, Status
from alerts.receivers.base import RETRYABLE, Receiver, Settings
from core.errors import DeliveryError

_CHILD = ("-m", "alerts.long_tail")
_LONGEST = 4000
"""Characters of a text; apprise cuts it further for services that take less."""


def _known(value: SecretStr) -> SecretStr:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = apprise.Apprise.instantiate(value.get_secret_value())
    if found is None:
        scheme = value.get_secret_value().partition("://")[0]
        raise ValueError(f"is no URL that apprise knows (it begins with {scheme[:20]!r})")
    return value


def _listed(value: object) -> object:
    if not isinstance(value, Mapping) or "url" not in value:
        return value
    rest = {key: each for key, each in value.items() if key != "url"}
    if "urls" in rest:
        raise ValueError("write either url or urls")
    return {**rest, "urls": [value["url"]]}


class AppriseConfig(Settings):
    """`urls` lists apprise's URLs; a single one may stand in `url`."""

    _one = model_validator(mode="before")(_listed)
    urls: Annotated[tuple[Annotated[SecretStr, AfterValidator(_known)], ...], Field(min_length=1)]
    timeout: Annotated[float, Field(gt=0, le=120)] = 30.0


class Apprise(Receiver[AppriseConfig]):
    """Hands the text to apprise in a process of its own.

    Of several URLs all are tried again where one failed for now, so give services that should not
    hear twice a receiver each.
    """

    type = "apprise"
    Config = AppriseConfig
    parts: ClassVar[Mapping[str, str]] = {"title": "title.txt", "text": "text.txt"}
    curves = 3

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        view = self.view(notification)
        text = self.templates.render("text", view).removeprefix(view["title"]).strip()
        outcomes = self._ordered(
            {
                "urls": [url.get_secret_value() for url in self.config.urls],
                "title": view["title"],
                "text": text[:_LONGEST],
                "kind": "failure" if notification.status is Status.FIRING else "success",
                "allow_private": self.http.allow_private,
            }
        )
        failed = [one for one in outcomes if not one["ok"]]
        if not failed:
            return Delivery(200, f"accepted by {len(outcomes)} of {len(outcomes)}")
        said = "; ".join(dict.fromkeys(self._redacted(one["said"]) for one in failed))[:300]
        if all(_permanent(one) for one in failed):
            if len(failed) < len(outcomes):
                return Delivery(200, f"refused by {len(failed)} of {len(outcomes)}: {said}")
            raise DeliveryError(f"apprise: {said}", permanent=True, status=failed[0]["status"])
        raise DeliveryError(f"apprise: {said}", permanent=False, status=failed[0]["status"])

    def _ordered(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        try:
            done = subprocess.run(  # this interpreter, a module of ours
                [sys.executable, *_CHILD],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                timeout=self.config.timeout,
                env=environment,
                check=True,
            )
            return list(json.loads(done.stdout))
        except subprocess.TimeoutExpired:
            raise DeliveryError(
                f"apprise was not done within {self.config.timeout:g} s", permanent=False
            ) from None
        except (subprocess.CalledProcessError, OSError, ValueError) as problem:
            raise DeliveryError(
                f"apprise could not be run: {type(problem).__name__}", permanent=False
            ) from None

    def _redacted(self, text: str) -> str:
        for url in self.config.urls:
            pieces = re.split(r"[/:@?&=,]+", url.get_secret_value())
            hidden = {url.get_secret_value(), *(one for one in pieces[2:] if len(one) > 3)}
            for piece in sorted(hidden, key=len, reverse=True):
                text = text.replace(piece, "***")
        return text or "not delivered, without a word why"


def _permanent(outcome: Mapping[str, Any]) -> bool:
    """A refused address, or an answer below 500 that will be the same next time."""
    status = outcome["status"]
    refused = status is not None and status < 500 and status not in RETRYABLE
    return refused or "OUTBOUND_ALLOW_PRIVATE" in outcome["said"]
