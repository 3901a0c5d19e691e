-- scope --
-- Declare the namespace of what this connection does next; row-level security holds it to that.
SELECT set_config('sfm.namespace', $1, false);

-- scope_planned --
-- The same for the rest of the transaction, in which each statement gets a plan for its own arguments:
-- what is best for a rare session is worst for none.
SELECT set_config('sfm.namespace', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true);

-- open_pages --
-- See one namespace, in this transaction only, and read it in the order of its keys. Before the first
-- ANALYZE (a bulk load in a new database) the planner would take all of it for one row, and read and
-- sort it anew for each page.
SELECT set_config('sfm.namespace', $1, true), set_config('enable_sort', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);

-- ping --
-- Answers when the server does.
SELECT 1;

-- rls_enforced --
-- Whether row-level security binds this role.
SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user;

-- get --
-- Live memories by coordinate.
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM memories
WHERE namespace = $1 AND coord = ANY($2::text[]) AND deleted_at IS NULL;

-- fetch --
-- Live memories by id.
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM memories
WHERE namespace = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL;

-- marks --
-- Of which log this is (cluster, timeline as of now, database and table: made anew, it has
-- another file), and where it has the live memories with these ids; one row without an id when
-- there are none.
WITH log AS MATERIALIZED (
    SELECT concat_ws('.',
        (SELECT system_identifier FROM pg_control_system()),
        CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id::text FROM pg_control_checkpoint())
             ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
        pg_relation_filepath('memories')
    ) AS name
)
SELECT log.name AS log, memories.id, memories.position, memories.updated_at
FROM log LEFT JOIN memories
ON namespace = $1 AND memories.id = ANY($2::uuid[]) AND deleted_at IS NULL;

-- last_version --
-- Version of a memory or tombstone.
SELECT version FROM memories WHERE namespace = $1 AND coord = $2;

-- by_content --
-- The oldest live memory with each of these content keys, those at $3 passed over.
SELECT DISTINCT ON (content_key)
       content_key, namespace, coord, id, version, position, kind, payload, text, text_given,
       importance, tags, session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM memories
WHERE namespace = $1 AND content_key = ANY($2::bigint[]) AND deleted_at IS NULL
    AND coord <> ALL($3::text[])
ORDER BY content_key, created_at, id;

-- list --
-- Live, unexpired memories behind a cursor, oldest first; what filters mean: `sfm_core.filters`. At most $21 bytes.
-- include window large=payload small=text --
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM memories AS m
WHERE namespace = $1 AND deleted_at IS NULL
  AND (created_at, id) > ($2::timestamptz, $3::uuid)
  AND (expires_at IS NULL OR expires_at > $4::timestamptz)
  AND ($5::text IS NULL OR kind = $5)
  AND ($6::text IS NULL OR $6 = ANY(tags))
  AND ($7::timestamptz IS NULL OR coalesce(occurred_at, created_at) >= $7)
  AND ($8::timestamptz IS NULL OR coalesce(occurred_at, created_at) < $8)
  -- include admits joined=$9 paths=$10 operators=$11 operands=$12 rough=$13 sessions=$14 sources=$15 tags=$16 pinned=$17 least=$18 most=$19 --
ORDER BY created_at, id
LIMIT $20
-- include windowed bytes=$21 --
;

-- stats --
-- Counts of one namespace, from indexes only.
SELECT
    live.episodic + live.semantic AS total, live.episodic, live.semantic,
    (SELECT count(*) FROM memories WHERE namespace = $1 AND deleted_at IS NOT NULL) AS deleted,
    (SELECT count(*) FROM links WHERE namespace = $1 AND deleted_at IS NULL) AS links,
    (SELECT count(*) FROM memory_vectors WHERE namespace = $1) AS vectors,
    (SELECT count(*) FROM (
        SELECT l.id FROM memories AS l
        WHERE l.namespace = $1 AND l.deleted_at IS NULL AND NOT EXISTS (
            SELECT FROM memory_vectors AS v
            WHERE v.namespace = $1 AND v.id = l.id AND v.version = l.version
        )
        UNION
        SELECT w.memory_id FROM vector_wal AS w WHERE w.namespace = $1
    ) AS pending) AS pending_index,
    (SELECT count(*) FROM vector_wal WHERE namespace = $1) AS wal,
    coalesce((SELECT max(seq) FROM memory_events WHERE namespace = $1), 0) AS position
FROM (
    SELECT count(*) FILTER (WHERE kind = 'episodic') AS episodic,
           count(*) FILTER (WHERE kind = 'semantic') AS semantic
    FROM memories
    WHERE namespace = $1 AND deleted_at IS NULL
) AS live;

-- namespaces --
-- Namespaces with a live memory; one is looked up in each, where a join would read them all.
SELECT n.name
FROM namespaces AS n CROSS JOIN LATERAL (
    SELECT FROM memories AS m WHERE m.namespace = n.name AND m.deleted_at IS NULL LIMIT 1
) AS live
ORDER BY n.name;

-- generation_of --
-- Which life of a namespace this is.
SELECT coalesce((SELECT generation FROM namespaces WHERE name = $1), 1);

-- be_patient --
-- In this transaction, wait for locks as long as it takes.
SELECT set_config('lock_timeout', '0', true);
