"""Policies that operators store, in numbered versions that never change.

A row is also made of a file's policy when the first job is judged by it, so that a job, which
names its policy by digest, is judged by the same one whatever becomes of the file. Nothing here
touches a table that a running version uses.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE policies (
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default',
    name text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    digest text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('file', 'stored', 'calibrated')),
    body json NOT NULL,
    about json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name, version)
);
CREATE INDEX policies_digest ON policies (digest);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    raise RuntimeError("jobs name these policies; restore a backup instead")
