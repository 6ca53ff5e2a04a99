"""Which events had their text sent on to analysis, and which item of which job judges it.

A row without a job waits for one; it is written by the transaction that stores the event, so that
an event is neither forgotten nor analysed twice. Nothing here touches a table that a running
version uses.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE telemetry_analyses (
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default',
    event_id text NOT NULL,
    ts timestamptz NOT NULL,
    chosen_at timestamptz NOT NULL DEFAULT now(),
    analysis_id uuid,
    item_index integer,
    PRIMARY KEY (tenant, application_id, event_id)
);
CREATE INDEX telemetry_analyses_waiting ON telemetry_analyses (chosen_at)
    WHERE analysis_id IS NULL;
CREATE INDEX telemetry_analyses_chosen ON telemetry_analyses USING brin (chosen_at)
    WITH (pages_per_range = 32);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    raise RuntimeError("the links would be lost; restore a backup instead")
