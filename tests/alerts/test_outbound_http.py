from __future__ import annotations

import logging
import socket
import threading

import pytest
from alert_sinks import Sink

from core.errors import DeliveryError
from core.http import HttpClient, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_private_address_is_refused_by_default_whatever_it_is_called(sink: Sink) -> None:
    for url in (sink.url, sink.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(DeliveryError, match="private address") as caught:
            HttpClient().post(url, b"{}", {})
        assert caught.value.permanent
        assert "hidden" not in str(caught.value)
    assert not sink.requests


def test_a_name_is_resolved_once_and_the_checked_address_is_called(sink: Sink) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    url = sink.url.replace("127.0.0.1", "hooks.example.com")
    assert HttpClient(allow_private=True, resolve=resolve).post(url, b"x", {}).text == "ok"
    assert asked == ["hooks.example.com"]
    assert sink.requests[0][1]["host"].startswith("hooks.example.com:")


def test_of_several_addresses_the_next_is_tried_when_one_is_closed(sink: Sink) -> None:
    client = HttpClient(allow_private=True, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert client.post(sink.url, b"x", {}).status == 200
    assert len(sink.requests) == 1


def test_private_addresses_among_public_ones_are_left_out() -> None:
    client = HttpClient(resolve=lambda host, port: ["10.0.0.1", "::1", "169.254.169.254"])
    with pytest.raises(DeliveryError, match=r"inside\.example\.com is a private address"):
        client.post("https://inside.example.com/x", b"", {})


def test_exactly_the_given_bytes_and_headers_are_sent(sink: Sink, http: HttpClient) -> None:
    http.post(sink.url, b'{"a": "\xc3\xa9"}', {"X-Mark": "7"})
    path, headers, body = sink.requests[0]
    assert (path, body) == ("/services/T0/B0/hidden-token", b'{"a": "\xc3\xa9"}')
    assert headers["x-mark"] == "7"


def test_a_redirect_is_an_answer_and_is_not_followed(sink: Sink, http: HttpClient) -> None:
    sink.status, sink.headers = 307, {"Location": sink.url}
    assert http.post(sink.url, b"", {}).status == 307
    assert len(sink.requests) == 1


def test_a_huge_answer_is_cut(sink: Sink) -> None:
    sink.answer = b"x" * 1_000_000
    answer = HttpClient(allow_private=True, largest_answer=1000).post(sink.url, b"", {})
    assert len(answer.text) == 1000


def test_an_answer_whose_body_breaks_off_still_counts(sink: Sink, http: HttpClient) -> None:
    sink.headers = {"Content-Length": "999"}
    answer = http.post(sink.url, b"", {})
    assert (answer.status, answer.text) == (200, "ok")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "99999999999"}, 86400),
        ({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, 86400),
        ({"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(
    sink: Sink, http: HttpClient, headers: dict[str, str], seconds: float | None
) -> None:
    sink.headers = headers
    assert http.post(sink.url, b"", {}).retry_after == seconds


def test_a_closed_port_may_be_tried_again(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        http.post(f"http://127.0.0.1:{port}/hidden-token?key=hidden", b"", {})
    assert not caught.value.permanent
    assert "hidden" not in str(caught.value)


def test_a_peer_that_says_nothing_is_given_up_and_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match=r"did not answer within 0\.1 s") as caught:
            HttpClient(allow_private=True, timeout=0.1).post(url, b"", {})
    assert not caught.value.permanent


def test_a_name_that_nobody_knows_may_be_tried_again() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(DeliveryError, match="cannot be resolved: Name or service") as caught:
        HttpClient(resolve=resolve).post("https://nowhere.example.com/", b"", {})
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["ftp://h/x", "https://", "h/x", "http://[::1", "", "http://h:x/"])
def test_a_url_that_is_none_is_refused_for_good(http: HttpClient, url: str) -> None:
    with pytest.raises(DeliveryError, match="the URL") as caught:
        http.post(url, b"", {})
    assert caught.value.permanent


def test_a_header_that_cannot_be_sent_is_refused_for_good(sink: Sink, http: HttpClient) -> None:
    with pytest.raises(DeliveryError, match="cannot be built") as caught:
        http.post(sink.url, b"", {"X-Mark": "a\r\nb: c"})
    assert caught.value.permanent
    assert not sink.requests


def test_the_url_stays_out_of_the_log(
    sink: Sink, http: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    http.post(sink.url, b"", {})
    assert "hidden" not in caplog.text


def test_a_peer_that_drips_its_answer_is_cut_off_and_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=_drip, args=(server,))
        dripping.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match=r"did not answer within 0\.3 s") as caught:
            HttpClient(allow_private=True, timeout=0.3).post(url, b"", {})
        dripping.join(10)
    assert not caught.value.permanent
    assert not dripping.is_alive()


def _drip(server: socket.socket) -> None:
    """One more byte of an endless header every tenth of a second, until the peer is gone."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        waiting = threading.Event()
        while not waiting.wait(0.1):
            try:
                connection.sendall(b"x")
            except OSError:
                return
