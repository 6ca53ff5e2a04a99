"""Time-ordered identifiers, made before the row so that a message can be built without asking."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUID version 7: sorts by the time of its making."""
    return uuid7()


def parse_id(text: str) -> UUID | None:
    """The UUID written in `text`, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
