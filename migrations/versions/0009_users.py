"""Whose inputs an analysis holds, so that detectors can go by the user.

Columns without a default that may be empty: no row is written anew, and the running version leaves
them alone. `item_users` and `item_sessions` have one entry for each item, where the items of a job
are not one person's, such as text of sampled telemetry.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

COLUMNS = """
ALTER TABLE analyses
    ADD COLUMN user_id text,
    ADD COLUMN item_users text[],
    ADD COLUMN item_sessions text[];
"""


def upgrade() -> None:
    op.execute(COLUMNS)


def downgrade() -> None:
    raise RuntimeError("whose inputs they were would be lost; restore a backup instead")
