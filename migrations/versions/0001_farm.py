"""The farm: jobs, content, telemetry, detection, alerts, keys, workers.

Every row carries a tenant and an application. Content and telemetry are partitioned by day, so
that retention drops a table instead of deleting rows, and verdicts outlive the text they judged.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

OWNER = """
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default'
"""

TABLES = f"""
CREATE TABLE tenants (
    id text PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE applications (
    tenant text NOT NULL REFERENCES tenants,
    id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id)
);
INSERT INTO tenants (id, name) VALUES ('default', 'Default tenant');
INSERT INTO applications (tenant, id) VALUES ('default', 'default');

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    {OWNER},
    name text NOT NULL,
    hint text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE TABLE revoked_tokens (
    jti text PRIMARY KEY,
    {OWNER},
    expires_at timestamptz NOT NULL
);

CREATE TABLE analyses (
    id uuid PRIMARY KEY,
    {OWNER},
    session_id text,
    kind text NOT NULL CHECK (kind IN ('single', 'batch', 'guard')),
    state text NOT NULL CHECK (state IN ('queued', 'running', 'completed',
        'completed_with_errors', 'failed', 'cancelled', 'expired')),
    mode text NOT NULL,
    policy text NOT NULL DEFAULT 'default',
    options jsonb NOT NULL DEFAULT '{{}}',
    item_count integer NOT NULL CHECK (item_count > 0),
    items_done integer NOT NULL DEFAULT 0,
    runs_left integer NOT NULL,
    watched boolean NOT NULL DEFAULT false,
    risk_score double precision,
    verdict text,
    action text,
    degraded boolean,
    error text,
    idempotency_key text,
    request_hash bytea,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    deadline_at timestamptz NOT NULL,
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL))
);
CREATE UNIQUE INDEX analyses_idempotency ON analyses (tenant, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX analyses_listed ON analyses (tenant, id DESC);
CREATE INDEX analyses_open ON analyses (deadline_at) WHERE state IN ('queued', 'running');

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    {OWNER},
    analysis_id uuid NOT NULL REFERENCES analyses ON DELETE CASCADE,
    engine_class text NOT NULL,
    queue text NOT NULL,
    chunk integer NOT NULL,
    first_item integer NOT NULL,
    last_item integer NOT NULL,
    engines text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'skipped',
        'cancelled', 'expired')),
    attempt integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    worker text,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    started_at timestamptz,
    claimed_at timestamptz,
    finished_at timestamptz,
    error text
);
CREATE INDEX runs_of_analysis ON runs (analysis_id);
CREATE INDEX runs_queued ON runs (queue, published_at) WHERE state = 'queued';
CREATE INDEX runs_leased ON runs (lease_until) WHERE state = 'running';

CREATE TABLE results (
    analysis_id uuid NOT NULL REFERENCES analyses ON DELETE CASCADE,
    item_index integer NOT NULL,
    engine_class text NOT NULL,
    {OWNER},
    run_id uuid NOT NULL,
    attempt integer NOT NULL,
    engines jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (analysis_id, item_index, engine_class)
);
CREATE TABLE items (
    analysis_id uuid NOT NULL REFERENCES analyses ON DELETE CASCADE,
    item_index integer NOT NULL,
    {OWNER},
    risk_score double precision NOT NULL,
    verdict text NOT NULL,
    action text NOT NULL,
    degraded boolean NOT NULL,
    judgement jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (analysis_id, item_index)
);
CREATE INDEX items_created ON items USING brin (created_at) WITH (pages_per_range = 32);

CREATE TABLE contents (
    created_at timestamptz NOT NULL,
    analysis_id uuid NOT NULL,
    item_index integer NOT NULL,
    {OWNER},
    body jsonb NOT NULL,
    PRIMARY KEY (created_at, analysis_id, item_index)
) PARTITION BY RANGE (created_at);
CREATE TABLE contents_other PARTITION OF contents DEFAULT;

CREATE TABLE telemetry (
    ts timestamptz NOT NULL,
    {OWNER},
    event_id text NOT NULL,
    event_type text NOT NULL,
    model text,
    status text NOT NULL,
    latency_ms double precision,
    prompt_tokens bigint,
    completion_tokens bigint,
    total_tokens bigint,
    cost double precision,
    user_id text,
    session_id text,
    environment text,
    tags jsonb,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, application_id, event_id, ts)
) PARTITION BY RANGE (ts);
CREATE INDEX telemetry_ts ON telemetry USING brin (ts) WITH (pages_per_range = 32);
CREATE TABLE telemetry_other PARTITION OF telemetry DEFAULT;

CREATE TABLE telemetry_contents (
    ts timestamptz NOT NULL,
    {OWNER},
    event_id text NOT NULL,
    prompt text,
    response text,
    PRIMARY KEY (tenant, application_id, event_id, ts)
) PARTITION BY RANGE (ts);
CREATE TABLE telemetry_contents_other PARTITION OF telemetry_contents DEFAULT;

CREATE TABLE detector_ticks (
    detector_id text NOT NULL,
    tick timestamptz NOT NULL,
    {OWNER},
    claimed_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    evaluations integer,
    anomalies integer,
    error text,
    PRIMARY KEY (tenant, detector_id, tick)
);
CREATE TABLE anomalies (
    id uuid PRIMARY KEY,
    {OWNER},
    detector_id text NOT NULL,
    severity text NOT NULL,
    metric text NOT NULL,
    labels jsonb NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    value double precision NOT NULL,
    baseline double precision,
    threshold double precision,
    score double precision,
    message text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX anomalies_listed ON anomalies (tenant, id DESC);
CREATE UNIQUE INDEX anomalies_open ON anomalies (tenant, detector_id, labels, severity)
    WHERE ended_at IS NULL;

CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    {OWNER},
    fingerprint text NOT NULL,
    name text NOT NULL,
    severity text NOT NULL,
    labels jsonb NOT NULL,
    annotations jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('firing', 'resolved')),
    anomaly_id uuid,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX alerts_firing ON alerts (tenant, fingerprint) WHERE status = 'firing';
CREATE INDEX alerts_listed ON alerts (tenant, id DESC);
CREATE INDEX alerts_ended ON alerts (ends_at);

CREATE TABLE alert_groups (
    tenant text NOT NULL DEFAULT 'default',
    application_id text NOT NULL DEFAULT 'default',
    group_key text NOT NULL,
    receiver text NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, group_key, receiver)
);
CREATE TABLE notifications (
    id uuid PRIMARY KEY,
    {OWNER},
    group_key text NOT NULL,
    receiver text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    payload jsonb NOT NULL,
    alert_ids uuid[] NOT NULL,
    dedup_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz
);
CREATE INDEX notifications_due ON notifications (next_attempt_at)
    WHERE state IN ('pending', 'sending');
CREATE TABLE notification_attempts (
    id uuid PRIMARY KEY,
    {OWNER},
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    delivered boolean NOT NULL,
    status_code integer,
    detail text NOT NULL,
    duration_ms double precision NOT NULL
);
CREATE INDEX attempts_of_notification ON notification_attempts (notification_id);

CREATE TABLE worker_heartbeats (
    name text PRIMARY KEY,
    {OWNER},
    engine_class text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
"""

PARTITIONS = """
CREATE FUNCTION sentinel_ensure_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := parent || '_' || to_char(day, 'YYYYMMDD');
    spare text := parent || '_other';
    ts_column text := CASE WHEN parent = 'contents' THEN 'created_at' ELSE 'ts' END;
    low timestamptz := day::timestamp AT TIME ZONE 'UTC';
    high timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('sentinel_partition_' || name));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        name, parent);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', spare);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *)'
        ' INSERT INTO %I SELECT * FROM moved',
        spare, ts_column, low, ts_column, high, name);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, name, low, high);
    RETURN true;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES.replace(":", "\\:"))
    op.execute(PARTITIONS.replace(":", "\\:"))
    for parent in ("contents", "telemetry", "telemetry_contents"):
        op.execute(
            f"SELECT sentinel_ensure_partition('{parent}',"
            " CAST(now() AT TIME ZONE 'UTC' AS date) + d)"
            " FROM generate_series(-8, 2) AS d"
        )


def downgrade() -> None:
    raise RuntimeError("the first version has no predecessor; restore a backup instead")
