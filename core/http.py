"""The one outbound HTTP client: bounded in time and size, and kept away from private addresses.

The name is resolved here, each address checked, and the connection made to the very address that
passed, so a name that changes its answer between check and use gains nothing.
"""

from __future__ import annotations

import contextlib
import email.utils
import functools
import ipaddress
import logging
import math
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx

from core.deadline import Deadline
from core.errors import DeliveryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer said. `text` is cut to the client's limit and holds no part of the URL."""

    status: int
    text: str
    retry_after: float | None = None


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, also when wrapped in an IPv6 one."""
    parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast


class HttpClient:
    """Posts to addresses that operators configured. Safe to share between threads.

    Follows no redirect, reads no proxy from the environment and keeps no connection.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = 10.0,
        largest_answer: int = 64 * 1024,
        resolve: Resolve = resolve,
    ) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._largest_answer = largest_answer
        self._resolve = resolve

    @property
    def allow_private(self) -> bool:
        """Whether private and loopback addresses may be called."""
        return self._allow_private

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send exactly these bytes once; any answer, of whatever status, is returned.

        Raises DeliveryError: permanent for a URL or address that is not acceptable, retryable
        where no answer came. The URL's path and query never appear in its message.
        """
        target = _parsed(url)
        problem = None
        late = f"{target.host} did not answer within {self._timeout:g} s"
        for address in self._addresses(target):
            deadline = Deadline(self._timeout)
            try:
                with deadline:
                    return self._once(target, address, body, headers, deadline)
            except httpx.ConnectTimeout:
                problem = late
            except httpx.ConnectError as error:
                problem = f"{target.host} cannot be reached: {error}"
            except httpx.TimeoutException:
                problem = late
                break
            except (ValueError, httpx.InvalidURL, httpx.LocalProtocolError):
                raise DeliveryError(
                    f"the request to {target.host} cannot be built; check URL and headers",
                    permanent=True,
                ) from None
            except httpx.HTTPError as error:
                broken = f"{target.host} broke the connection off: {type(error).__name__}"
                problem = late if deadline.passed else broken
                break
        raise DeliveryError(problem or f"{target.host} has no address", permanent=False)

    @functools.cached_property
    def _client(self) -> httpx.Client:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.Client(
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def _addresses(self, target: httpx.URL) -> Iterator[str]:
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            found = self._resolve(target.host, port)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a valid name"
            raise DeliveryError(
                f"{target.host} cannot be resolved: {reason}", permanent=False
            ) from None
        allowed = [a for a in found if self._allow_private or is_public(a)]
        if found and not allowed:
            raise DeliveryError(
                f"{target.host} is a private address, which is refused; "
                "set OUTBOUND_ALLOW_PRIVATE=true to allow it",
                permanent=True,
            )
        yield from allowed

    def _once(
        self,
        target: httpx.URL,
        address: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: Deadline,
    ) -> Answer:
        request = self._client.build_request(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers={**headers, "Host": target.netloc.decode(), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": target.raw_host.decode(), "trace": deadline.trace},
        )
        response = self._client.send(request, stream=True)
        try:
            text = self._read(response)
        finally:
            response.close()
        return Answer(
            response.status_code,
            _redacted(text.decode("utf-8", "replace"), target),
            _retry_after(response.headers),
        )

    def _read(self, response: httpx.Response) -> bytes:
        """The answer's beginning. The status is known, so a body that breaks off is no failure."""
        text = b""
        with contextlib.suppress(httpx.HTTPError):
            for part in response.iter_raw():
                text += part[: self._largest_answer - len(text)]
                if len(text) >= self._largest_answer:
                    break
        return text


def _parsed(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise DeliveryError(
            "the URL is not valid; write https://host/path", permanent=True
        ) from None
    if target.scheme not in ("http", "https") or not target.host:
        raise DeliveryError(
            f"the URL has the scheme {target.scheme!r}; write https://host/path", permanent=True
        )
    return target


def _redacted(text: str, target: httpx.URL) -> str:
    path = target.raw_path.decode("ascii", "replace")
    pieces = {str(target), path, target.path, target.query.decode("ascii", "replace")}
    pieces |= {part for part in target.path.split("/") if len(part) >= 8}
    pieces |= {target.username, target.password}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) > 3:
            text = text.replace(piece, "***")
    return text


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds of `Retry-After`; a date counts from the answer's own `Date`."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 86400.0)
    try:
        until = email.utils.parsedate_to_datetime(value)
        since = email.utils.parsedate_to_datetime(headers.get("date", ""))
        seconds = (until - since).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), 86400.0) if math.isfinite(seconds) else None
