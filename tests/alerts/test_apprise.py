from __future__ import annotations

import json
import socket

import pytest
from alert_cases import NOW
from alert_sinks import Make, Sink

from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from core.errors import ConfigError, DeliveryError
from core.http import HttpClient

HOOK = "/notify/secret-path-token"


def receiver(*urls: str, allowed: bool = True, **config: object) -> AnyReceiver:
    given = {"urls": list(urls), **config}
    return make("here", "tail", "apprise", given, HttpClient(allow_private=allowed))


def url(sink: Sink) -> str:
    return sink.url.replace("http://", "json://").partition("/services")[0] + HOOK


def test_a_service_of_the_long_tail_gets_title_text_and_kind(
    sink: Sink, notification: Make
) -> None:
    assert receiver(url(sink)).send(notification(), NOW).status == 200
    path, _, body = sink.requests[0]
    said = json.loads(body)
    assert path.rstrip("/") == HOOK
    assert said["title"] == "[FIRING:1] high-cost-alert (shop critical)"
    assert "cost was 7 <b>dollars</b> & rising" in said["message"]
    assert said["type"] == "failure"


def test_one_url_may_stand_alone(sink: Sink, notification: Make) -> None:
    config = {"url": url(sink)}
    one = make("here", "tail", "apprise", config, HttpClient(allow_private=True))
    one.send(notification(firing=False, resolved=True), NOW)
    assert json.loads(sink.requests[0][2])["type"] == "success"


@pytest.mark.parametrize(("status", "permanent"), [(503, False), (429, False), (404, True)])
def test_an_answer_of_a_service_says_what_to_do_next(
    sink: Sink, notification: Make, status: int, permanent: bool
) -> None:
    sink.status = status
    with pytest.raises(DeliveryError, match=str(status)) as caught:
        receiver(url(sink)).send(notification(), NOW)
    assert (caught.value.permanent, caught.value.status) == (permanent, status)
    assert "secret-path-token" not in str(caught.value)


def test_a_closed_port_of_a_service_may_be_tried_again(notification: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeliveryError) as caught:
        receiver(f"json://127.0.0.1:{port}/secret-path-token").send(notification(), NOW)
    assert not caught.value.permanent
    assert "secret-path-token" not in str(caught.value)


def test_apprise_cannot_reach_a_private_address_either(sink: Sink, notification: Make) -> None:
    for named in (url(sink), url(sink).replace("127.0.0.1", "localhost")):
        with pytest.raises(DeliveryError, match="is a private address") as caught:
            receiver(named, allowed=False).send(notification(), NOW)
        assert caught.value.permanent
        assert "secret-path-token" not in str(caught.value)
    assert not sink.requests


def test_a_service_is_told_although_another_of_the_receiver_is_away(
    sink: Sink, notification: Make
) -> None:
    with pytest.raises(DeliveryError) as caught:
        receiver("json://127.0.0.1:1/x", url(sink)).send(notification(), NOW)
    assert not caught.value.permanent
    assert len(sink.requests) == 1


def test_a_service_that_says_nothing_is_given_up(notification: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        named = f"json://127.0.0.1:{mute.getsockname()[1]}/x"
        with pytest.raises(DeliveryError, match="not done within") as caught:
            receiver(named, timeout=2).send(notification(), NOW)
    assert not caught.value.permanent


@pytest.mark.parametrize("bad", ["nonsense", "nope://secret-path-token", "", "json://"])
def test_a_url_that_apprise_does_not_know_is_refused_at_load_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigError, match="apprise knows") as caught:
        receiver(bad)
    assert "secret-path-token" not in str(caught.value)
