"""Silences, acknowledgements, the alerts.yaml in force, and the pace of receivers.

New tables, new columns that the running version leaves alone, and two indexes.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

OWNER = """
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default'
"""

TABLES = f"""
CREATE TABLE silences (
    id uuid PRIMARY KEY,
    {OWNER},
    matchers jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at >= starts_at),
    created_by text NOT NULL,
    comment text NOT NULL,
    replaces uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX silences_standing ON silences (tenant, ends_at);

ALTER TABLE alerts
    ADD COLUMN acknowledged_by text,
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledgement text;

ALTER TABLE notifications ADD COLUMN number integer NOT NULL DEFAULT 0;
CREATE INDEX notifications_open ON notifications (tenant, group_key, receiver, id)
    WHERE state IN ('pending', 'sending');

CREATE INDEX notifications_of_group ON notifications (tenant, receiver, group_key, id);

CREATE TABLE alert_configs (
    name text PRIMARY KEY,
    {OWNER},
    path text NOT NULL,
    digest text,
    body text,
    loaded_at timestamptz,
    error text,
    error_at timestamptz
);

CREATE TABLE alert_rounds (
    name text PRIMARY KEY,
    {OWNER},
    last_alert uuid,
    config text NOT NULL,
    next_at timestamptz NOT NULL
);

CREATE TABLE receiver_paces (
    receiver text PRIMARY KEY,
    {OWNER},
    attempts timestamptz[] NOT NULL DEFAULT '{{}}',
    held_until timestamptz
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    raise RuntimeError("silences and acknowledgements stand here; restore a backup instead")
