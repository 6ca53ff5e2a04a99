"""What receivers can take, and a quick way to the notifications of one group. New things alone."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE receiver_paces (
    receiver text PRIMARY KEY,
    attempts timestamptz[] NOT NULL DEFAULT '{}',
    held_until timestamptz
);
CREATE INDEX notifications_of_group ON notifications (tenant, receiver, group_key, id);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP INDEX notifications_of_group; DROP TABLE receiver_paces")
