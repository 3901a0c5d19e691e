-- open_changes --
-- See every namespace, in this transaction only. What changed is few rows, found by index: before
-- the first ANALYZE (a bulk load in a new database) the planner would guess a third of all.
SELECT set_config('sfm.namespace', '*', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true);

-- token --
-- Every transaction that this snapshot does not see has at least this id.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- moment --
-- Which transactions are seen. One that commits was, until then, among those still running or of an
-- id not given out yet; so two equal snapshots see the same.
SELECT pg_current_snapshot()::text;

-- load --
-- Live memories with their vectors of one model revision, by coordinate, behind $3.
SELECT m.namespace, m.id, m.coord, m.version, m.position, false AS deleted, m.kind, m.payload, m.text,
       m.source, m.session, m.tags, m.importance, m.occurred_at, m.created_at, m.updated_at,
       m.expires_at, m.pinned, v.vector
FROM memories AS m
LEFT JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2 AND v.version = m.version
WHERE m.namespace = $1 AND m.coord > $3 AND m.deleted_at IS NULL
ORDER BY m.coord
LIMIT $4;

-- rows_of --
-- Memories and tombstones by id, with their vectors of one model revision.
SELECT m.namespace, m.id, m.coord, m.version, m.position, m.deleted_at IS NOT NULL AS deleted,
       m.kind, m.payload, m.text,
       m.source, m.session, m.tags, m.importance, m.occurred_at, m.created_at, m.updated_at,
       m.expires_at, m.pinned, v.vector
FROM memories AS m
LEFT JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2 AND v.version = m.version
WHERE m.namespace = $1 AND m.id = ANY($3::uuid[]);

-- payloads --
-- Payloads of live memories, by coordinate, behind $2.
SELECT coord, id, version, payload
FROM memories
WHERE namespace = $1 AND coord > $2 AND deleted_at IS NULL
ORDER BY coord
LIMIT $3;

-- samples --
-- The last importances of a namespace's log and its position.
SELECT
    coalesce((SELECT max(seq) FROM memory_events WHERE namespace = $1), 0) AS top,
    s.seqs, s.importances
FROM (
    SELECT array_agg(t.seq ORDER BY t.seq) AS seqs, array_agg(t.importance ORDER BY t.seq) AS importances
    FROM (
        SELECT * FROM (
            SELECT seq, importance FROM memory_events
            WHERE namespace = $1 AND importance IS NOT NULL
            ORDER BY seq DESC LIMIT $2
        ) AS told
        UNION ALL
        SELECT * FROM (
            SELECT seq, importance FROM importance_samples
            WHERE namespace = $1
            ORDER BY seq DESC LIMIT $2
        ) AS brought
        ORDER BY seq DESC LIMIT $2
    ) AS t
) AS s;

-- changed_rows --
-- Memories and tombstones written, or embedded, by transactions from $1 on. The transaction's id
-- is asked for alone: with the namespaces beside it the planner may read all of a namespace.
WITH written AS MATERIALIZED (
    SELECT namespace, id FROM memories WHERE xid >= $1
), embedded AS MATERIALIZED (
    SELECT namespace, id, model_revision FROM memory_vectors WHERE xid >= $1
), touched AS (
    SELECT namespace, id FROM written WHERE namespace = ANY($2::text[])
    UNION
    SELECT namespace, id FROM embedded
    WHERE namespace = ANY($2::text[]) AND model_revision = $3
)
SELECT m.namespace, m.id, m.coord, m.version, m.position, m.deleted_at IS NOT NULL AS deleted,
       m.kind, m.payload, m.text,
       m.source, m.session, m.tags, m.importance, m.occurred_at, m.created_at, m.updated_at,
       m.expires_at, m.pinned, v.vector
FROM touched AS t
JOIN memories AS m ON m.namespace = t.namespace AND m.id = t.id
LEFT JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $3 AND v.version = m.version;

-- changed_samples --
-- Importances that entered the log by transactions from $1 on.
WITH logged AS MATERIALIZED (
    SELECT namespace, seq, importance FROM memory_events WHERE xid >= $1
    UNION ALL
    SELECT namespace, seq, importance FROM importance_samples WHERE xid >= $1
)
SELECT namespace, seq, importance FROM logged
WHERE namespace = ANY($2::text[]) AND importance IS NOT NULL
ORDER BY seq;

-- positions --
-- How far this snapshot sees each namespace's log; with the highest position drawn so far, whoever
-- drew it, and the token. One row without a name where no namespace is asked for.
SELECT
    n.name, coalesce((SELECT max(seq) FROM memory_events WHERE namespace = n.name), 0) AS top,
    coalesce((SELECT generation FROM namespaces WHERE name = n.name), 1) AS generation,
    coalesce(pg_sequence_last_value('memory_log'::regclass), 0) AS head,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS token
FROM (VALUES (true)) AS one (row) LEFT JOIN unnest($1::text[]) AS n (name) ON true;
