"""Reports: their schedules, what was made of them, and every attempt to deliver it.

One report for each schedule and period, whoever asks for it first. New tables alone.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

OWNER = """
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default'
"""

TABLES = f"""
CREATE TABLE report_schedules (
    id uuid PRIMARY KEY,
    {OWNER},
    name text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('file', 'stored')),
    body jsonb NOT NULL,
    watched_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE UNIQUE INDEX report_schedules_named ON report_schedules (tenant, name);
CREATE INDEX report_schedules_listed ON report_schedules (tenant, id DESC);

CREATE TABLE reports (
    id uuid PRIMARY KEY,
    {OWNER},
    schedule_id uuid REFERENCES report_schedules ON DELETE SET NULL,
    title text NOT NULL,
    period text NOT NULL,
    timezone text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL CHECK (period_end > period_start),
    applications text[] NOT NULL,
    receivers text[] NOT NULL,
    mail_by text,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    percent integer NOT NULL DEFAULT 0,
    step text NOT NULL DEFAULT '',
    attempt integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    worker text,
    lease_until timestamptz,
    published_at timestamptz,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    figures jsonb,
    UNIQUE (schedule_id, period_start, period_end),
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL))
);
CREATE INDEX reports_listed ON reports (tenant, id DESC);
CREATE INDEX reports_open ON reports (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX reports_spans ON reports (tenant, period_start, period_end)
    WHERE state = 'completed';

CREATE TABLE report_files (
    report_id uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
    name text NOT NULL,
    {OWNER},
    content bytea NOT NULL,
    PRIMARY KEY (report_id, name)
);

CREATE TABLE report_deliveries (
    id uuid PRIMARY KEY,
    {OWNER},
    report_id uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
    receiver text NOT NULL,
    dedup_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    UNIQUE (report_id, receiver)
);
CREATE INDEX report_deliveries_due ON report_deliveries (next_attempt_at)
    WHERE state IN ('pending', 'sending');
CREATE TABLE report_attempts (
    id uuid PRIMARY KEY,
    {OWNER},
    delivery_id uuid NOT NULL REFERENCES report_deliveries ON DELETE CASCADE,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    delivered boolean NOT NULL,
    status_code integer,
    detail text NOT NULL,
    duration_ms double precision NOT NULL
);
CREATE INDEX attempts_of_report_delivery ON report_attempts (delivery_id);
"""


def upgrade() -> None:
    op.execute(TABLES.replace(":", "\\:"))


def downgrade() -> None:
    raise RuntimeError("stored reports would be lost; restore a backup instead")
