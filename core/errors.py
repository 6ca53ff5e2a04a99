"""One exception tree. A class's docstring is its default message and says what to do next."""

from __future__ import annotations


class SentinelError(Exception):
    """Something went wrong inside Sentinel; look at the log entry of this request."""

    permanent = True

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(SentinelError):
    """The configuration cannot be used; mend the named setting and start again."""


class BadInput(SentinelError):
    """The input is not acceptable; `field` names the part to mend."""

    def __init__(self, message: str | None = None, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(SentinelError):
    """There is no such thing; list the collection to see what exists."""


class Conflict(SentinelError):
    """The request contradicts the present state; read it again and retry."""


class StartError(SentinelError):
    """A process could not be started; the message names the cause."""


class Unavailable(SentinelError):
    """A store or broker does not answer; try again after a few seconds."""

    permanent = False


class DatabaseDown(Unavailable):
    """PostgreSQL does not answer; try again after a few seconds."""


class DatabaseBusy(Unavailable):
    """PostgreSQL gave up on a lock or a long statement; try again after a few seconds."""


class BrokerDown(Unavailable):
    """The message broker does not answer; try again after a few seconds."""


class BufferFull(Unavailable):
    """As many events wait to be stored as EVENT_BUFFER_SIZE allows; send these again later."""


class Overloaded(Unavailable):
    """The farm would not be done in time; try again after the seconds in Retry-After."""

    def __init__(self, message: str, *, retry_after: int, own_fault: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.own_fault = own_fault


class DeliveryError(SentinelError):
    """A notification could not be delivered.

    `permanent` tells whether another attempt can help; `status` is the peer's answer code, if any;
    `retry_after` the seconds it asked us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.status = status
        self.retry_after = retry_after
