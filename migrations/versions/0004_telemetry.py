"""Telemetry at speed: what was seen before, rollups by minute and hour, rejected events.

An event counts once by tenant, application and event id, whatever its time and day: its id, a hash
of the three, stands in `telemetry_ids`, by the day on which it was first seen. Rollups are amended
in the transaction that stores an event. What is stored already is counted here.

Processes of the version before go on storing events themselves. A trigger does for their rows what
this version does before it inserts (it says so by `sentinel.counted`): a row of an event that was
seen is taken back, any other is counted.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

LATENCY_UNIT = "0.001"
LATENCY_RATIO = "1.04"

ROLLUP = """(
    tenant text NOT NULL,
    ts timestamptz NOT NULL,
    application_id text NOT NULL,
    model text NOT NULL,
    environment text NOT NULL,
    events bigint NOT NULL,
    errors bigint NOT NULL,
    latencies bigint NOT NULL,
    latency_ms double precision NOT NULL,
    latency_min double precision,
    latency_max double precision,
    latency_low integer,
    latency_counts integer[] NOT NULL,
    with_prompt_tokens bigint NOT NULL,
    prompt_tokens double precision NOT NULL,
    with_completion_tokens bigint NOT NULL,
    completion_tokens double precision NOT NULL,
    with_total_tokens bigint NOT NULL,
    total_tokens double precision NOT NULL,
    with_cost bigint NOT NULL,
    cost double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, ts, application_id, model, environment)
) PARTITION BY RANGE (ts);
"""

TABLES = f"""
CREATE TABLE telemetry_ids (
    id uuid NOT NULL,
    ts timestamptz NOT NULL,
    PRIMARY KEY (id, ts)
) PARTITION BY RANGE (ts);
CREATE TABLE telemetry_ids_other PARTITION OF telemetry_ids DEFAULT;

CREATE TABLE telemetry_minutes {ROLLUP}
CREATE TABLE telemetry_minutes_other PARTITION OF telemetry_minutes DEFAULT;
CREATE TABLE telemetry_hours {ROLLUP}
CREATE TABLE telemetry_hours_other PARTITION OF telemetry_hours DEFAULT;

CREATE TABLE telemetry_rejects (
    id uuid NOT NULL,
    ts timestamptz NOT NULL,
    tenant text NOT NULL,
    source text NOT NULL,
    place integer NOT NULL,
    field text NOT NULL,
    reason text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (tenant, id, ts)
) PARTITION BY RANGE (ts);
CREATE TABLE telemetry_rejects_other PARTITION OF telemetry_rejects DEFAULT;
"""

FUNCTIONS = f"""
CREATE FUNCTION sentinel_event_key(tenant text, application text, event text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(encode(substr(sha256(convert_to(tenant, 'UTF8') || '\\x00'
        || convert_to(application, 'UTF8') || '\\x00' || convert_to(event, 'UTF8')), 1, 16), 'hex')
        AS uuid)
$$;

CREATE FUNCTION sentinel_latency_bucket(ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN ms <= {LATENCY_UNIT} THEN 0
        ELSE CAST(ceil(ln(ms / {LATENCY_UNIT}) / ln(CAST({LATENCY_RATIO} AS float8))) AS integer)
        END
$$;

CREATE FUNCTION sentinel_sketch(places integer[], counts integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    low integer := places[1];
    made integer[];
BEGIN
    IF low IS NULL THEN
        RETURN '{{}}';
    END IF;
    made := array_fill(0, ARRAY[places[cardinality(places)] - low + 1]);
    FOR i IN 1..cardinality(places) LOOP
        made[places[i] - low + 1] := counts[i];
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION sentinel_sketch_sum(low_a integer, a integer[], low_b integer, b integer[])
RETURNS integer[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    low integer := least(low_a, low_b);
    high integer := greatest(low_a + cardinality(a), low_b + cardinality(b));
    made integer[];
    shift integer := low_b - low;
BEGIN
    IF low_a IS NULL OR low_b IS NULL THEN
        RETURN CASE WHEN low_a IS NULL THEN b ELSE a END;
    END IF;
    made := array_fill(0, ARRAY[low_a - low]) || a
        || array_fill(0, ARRAY[high - low_a - cardinality(a)]);
    FOR i IN 1..cardinality(b) LOOP
        IF b[i] > 0 THEN
            made[shift + i] := made[shift + i] + b[i];
        END IF;
    END LOOP;
    RETURN made;
END $$;
"""

SUMS = (
    "events", "errors", "latencies", "latency_ms", "with_prompt_tokens", "prompt_tokens",
    "with_completion_tokens", "completion_tokens", "with_total_tokens", "total_tokens",
    "with_cost", "cost",
)  # fmt: skip
KEY = "tenant, ts, application_id, model, environment"
AMEND = (
    f" ON CONFLICT ({KEY}) DO UPDATE SET "
    + ", ".join(f"{name} = r.{name} + excluded.{name}" for name in SUMS)
    + ", latency_min = least(r.latency_min, excluded.latency_min)"
    ", latency_max = greatest(r.latency_max, excluded.latency_max)"
    ", latency_low = least(r.latency_low, excluded.latency_low)"
    ", latency_counts = sentinel_sketch_sum(r.latency_low, r.latency_counts,"
    " excluded.latency_low, excluded.latency_counts), updated_at = now()"
)
COUNTED = """
    SELECT tenant, date_trunc(''%1$s'', ts, ''UTC'') AS ts, application_id,
        coalesce(model, '''') AS model, coalesce(environment, '''') AS environment,
        sentinel_latency_bucket(CASE WHEN latency_ms > 1e15 THEN 1e15 ELSE latency_ms END)
            AS bucket, count(*) AS events,
        count(*) FILTER (WHERE status <> ''success'') AS errors,
        count(latency_ms) AS latencies,
        coalesce(sum(CASE WHEN latency_ms > 1e15 THEN 1e15 ELSE latency_ms END), 0)
            AS latency_ms,
        min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,
        count(prompt_tokens) AS with_prompt_tokens,
        CAST(coalesce(sum(prompt_tokens), 0) AS float8) AS prompt_tokens,
        count(completion_tokens) AS with_completion_tokens,
        CAST(coalesce(sum(completion_tokens), 0) AS float8) AS completion_tokens,
        count(total_tokens) AS with_total_tokens,
        CAST(coalesce(sum(total_tokens), 0) AS float8) AS total_tokens,
        count(cost) AS with_cost,
        coalesce(sum(CASE WHEN cost > 1e15 THEN 1e15 ELSE cost END), 0) AS cost
    FROM %2$s AS source GROUP BY 1, 2, 3, 4, 5, 6
"""
COUNT = f"""
CREATE FUNCTION sentinel_count(source text, one telemetry DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    FOR level IN 0..1 LOOP
        EXECUTE format('INSERT INTO %3$s AS r ({KEY}, {", ".join(SUMS)}, latency_min,'
            ' latency_max, latency_low, latency_counts)'
            ' SELECT {KEY}, {", ".join(f"sum({name})" for name in SUMS)},'
            ' min(latency_min), max(latency_max), min(bucket), sentinel_sketch('
            '  array_agg(bucket ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL),'
            '  array_agg(CAST(latencies AS integer) ORDER BY bucket) FILTER'
            '   (WHERE bucket IS NOT NULL))'
            ' FROM ({COUNTED.strip()}) AS counted GROUP BY {KEY} ORDER BY {KEY}'
            '{AMEND}', CASE level WHEN 0 THEN 'minute' ELSE 'hour' END, source,
            CASE level WHEN 0 THEN 'telemetry_minutes' ELSE 'telemetry_hours' END) USING one;
    END LOOP;
END $$;

CREATE FUNCTION sentinel_count_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key uuid := sentinel_event_key(NEW.tenant, NEW.application_id, NEW.event_id);
    day timestamptz := date_trunc('day', clock_timestamp(), 'UTC');
BEGIN
    INSERT INTO telemetry_ids (id, ts) SELECT key, day
        WHERE NOT EXISTS (SELECT FROM telemetry_ids k WHERE k.id = key AND k.ts < day)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM sentinel_count('(SELECT ($1).*)', NEW);
    ELSE
        EXECUTE format('DELETE FROM %s WHERE ctid = $1', TG_RELID::regclass) USING NEW.ctid;
    END IF;
    RETURN NULL;
END $$;
"""

PARTITIONS = """
CREATE OR REPLACE FUNCTION sentinel_ensure_partition(parent text, day date) RETURNS boolean
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
    PERFORM set_config('sentinel.counted', 'on', true);
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

HORIZON = "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text)"
SEEN = """
WITH seen AS (
    INSERT INTO telemetry_ids (id, ts)
    SELECT DISTINCT sentinel_event_key(tenant, application_id, event_id),
        date_trunc('day', now(), 'UTC')
    FROM telemetry WHERE age(xmin) <= age(CAST('{horizon}' AS xid))
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO fresh_events SELECT DISTINCT ON (s.id) t.* FROM seen s JOIN telemetry t
    ON sentinel_event_key(t.tenant, t.application_id, t.event_id) = s.id ORDER BY s.id, t.ts;
"""

SWITCH = """
ALTER TABLE telemetry DROP CONSTRAINT telemetry_pkey;
CREATE TRIGGER telemetry_counted AFTER INSERT ON telemetry FOR EACH ROW
    WHEN (current_setting('sentinel.counted', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION sentinel_count_row();
"""


def upgrade() -> None:
    for statements in (TABLES, FUNCTIONS, COUNT, PARTITIONS):
        op.execute(statements.replace(":", "\\:"))
    op.execute("CREATE TEMP TABLE fresh_events (LIKE telemetry) ON COMMIT DROP")
    horizon = op.get_bind().exec_driver_sql(HORIZON).scalar_one()
    _count_what_is_stored("2")
    op.execute("LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE")
    _count_what_is_stored(horizon)
    op.execute(SWITCH)
    for parent in ("telemetry_ids", "telemetry_minutes", "telemetry_hours", "telemetry_rejects"):
        op.execute(
            f"SELECT sentinel_ensure_partition('{parent}',"
            " CAST(now() AT TIME ZONE 'UTC' AS date) + d)"
            " FROM generate_series(-8, 2) AS d"
        )


def _count_what_is_stored(horizon: str) -> None:
    """Once at leisure, and once more under the lock for what transactions since `horizon` wrote."""
    op.execute(SEEN.replace("{horizon}", horizon))
    op.execute("SELECT sentinel_count('fresh_events')")
    op.execute("TRUNCATE fresh_events")


def downgrade() -> None:
    raise RuntimeError("events no longer bear their own key; restore a backup instead")
