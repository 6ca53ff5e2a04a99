"""What detectors remember, how far they have judged, and what anomalies tell beside their value.

A row of `detector_progress` is the lock under which the states of a detector go on. New tables, and
columns that the running version leaves alone.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

OWNER = """
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default'
"""

TABLES = f"""
CREATE TABLE detector_progress (
    detector_id text NOT NULL,
    {OWNER},
    fingerprint text NOT NULL DEFAULT '',
    until timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, detector_id)
);
CREATE TABLE detector_states (
    detector_id text NOT NULL,
    labels jsonb NOT NULL,
    {OWNER},
    state json NOT NULL,
    heard_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, detector_id, labels)
);

ALTER TABLE anomalies
    ADD COLUMN peak_score double precision,
    ADD COLUMN told boolean NOT NULL DEFAULT true,
    ADD COLUMN event_ids text[] NOT NULL DEFAULT '{{}}';
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    raise RuntimeError("detectors would forget what is usual; restore a backup instead")
