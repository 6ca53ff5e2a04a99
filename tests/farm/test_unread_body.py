"""An answer given before the end of its request's body: it arrives, and what it says of the
connection is true."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.conftest import Farm

pytestmark = pytest.mark.farm

BLOCK = b"a" * 65_536
MEGABYTE = 16
"""Blocks."""


@pytest.fixture
def connection(farm: Farm) -> Iterator[http.client.HTTPConnection]:
    """One connection to the API, which is not opened again by itself."""
    made = http.client.HTTPConnection(urlsplit(farm.url).netloc, timeout=30)
    made.connect()
    made.auto_open = 0
    yield made
    made.close()


def _blocks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield BLOCK


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/analyze", 413),
        ("POST", "/api/v1/telemetry/events", 413),
        ("POST", "/nowhere", 404),
        ("GET", "/health", 200),
    ],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_the_connection_serves_the_next_request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    status: int,
    chunked: bool,
) -> None:
    count = 12 * MEGABYTE
    headers = {"Content-Type": "application/json"}
    if not chunked:
        headers["Content-Length"] = str(count * len(BLOCK))
    connection.request(method, path, _blocks(count), headers=headers, encode_chunked=chunked)
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.headers["Connection"]) == (status, "keep-alive")

    time.sleep(0.3)  # A server that means to close has done so by now.
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200


def test_a_stranger_reads_why(connection: http.client.HTTPConnection) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    connection.request("POST", "/api/v1/telemetry/events", BLOCK * MEGABYTE, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 403
    time.sleep(0.3)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("stated", [12 * 2**20, 2**40], ids=["stalled", "endless"])
def test_what_cannot_be_read_to_its_end_closes_the_connection_in_words(
    connection: http.client.HTTPConnection, stated: int
) -> None:
    connection.putrequest("POST", "/api/v1/analyze")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(stated))
    connection.endheaders(BLOCK)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (413, "close")
    assert b"split it" in answer.read()
