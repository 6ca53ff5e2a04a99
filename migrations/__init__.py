"""The schema and its history, safe to run live.

`upgrade` takes an advisory lock, so many processes may call it at once; each statement has a lock
timeout, so a migration gives way instead of blocking the farm.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

LOCK = 0x5E471E1


def config(database_url: str) -> Config:
    """Alembic's configuration for this package and database."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["database_url"] = database_url
    return settings


def upgrade(database_url: str) -> None:
    """Bring the schema of this database to the newest version; harmless when it is there."""
    command.upgrade(config(database_url), "head")
