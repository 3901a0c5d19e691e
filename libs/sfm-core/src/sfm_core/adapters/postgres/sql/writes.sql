-- enter_single --
-- Declare the namespace and fence it against erasure; also assigns the transaction its id, and
-- says that positions are about to be drawn: both before any is (ADR 125).
SELECT set_config('sfm.namespace', $1, true), pg_current_xact_id()::text::bigint AS xid,
       generation, announce_positions($1)
FROM namespaces WHERE name = $1 FOR KEY SHARE;

-- enter_batch --
-- The same for several writes at once: batches of one namespace take turns, so that rows may be
-- locked in the given order without a deadlock; single writes go on beside them.
SELECT set_config('sfm.namespace', $1, true), pg_current_xact_id()::text::bigint AS xid,
       generation, announce_positions($1)
FROM namespaces WHERE name = $1 FOR NO KEY UPDATE;

-- add_namespace --
-- Make the namespace's row, at its first write.
INSERT INTO namespaces (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- claim_receipt --
-- Take an idempotency key; waits for a concurrent holder. No row: it was taken before.
INSERT INTO idempotency_keys (namespace, key, fingerprint) VALUES ($1, $2, $3)
ON CONFLICT (namespace, key) DO NOTHING
RETURNING true AS claimed;

-- read_receipt --
-- What the key stands for.
SELECT fingerprint, outcomes FROM idempotency_keys WHERE namespace = $1 AND key = $2;

-- keep_receipt --
-- Write down what the request did.
UPDATE idempotency_keys SET outcomes = $3::json WHERE namespace = $1 AND key = $2;

-- fence_content --
-- Those who remember one content take turns, and all such writes with batches: locks come after the
-- namespace's and the receipt's and before any row's, so that no two can wait for each other.
SELECT pg_advisory_xact_lock_shared(hashtextextended($1, -1)),
       pg_advisory_xact_lock(hashtextextended($1, $2::bigint));

-- fence_contents --
-- The same for a batch: one lock instead of a thousand, of which the server has only so many.
SELECT pg_advisory_xact_lock(hashtextextended($1, -1));

-- hold --
-- Lock memories and tombstones and tell their state, and what the event is known by that made it.
SELECT m.coord, m.id, m.version, m.position, m.event_type, m.updated_at, m.created_at, m.expires_at,
       m.deleted_at IS NOT NULL AS deleted, (
           SELECT e.event_id FROM memory_events AS e
           WHERE e.namespace = $1 AND e.memory_id = m.id AND e.version = m.version
           LIMIT 1
       ) AS event_id
FROM memories AS m
WHERE m.namespace = $1 AND m.coord = ANY($2::text[])
FOR UPDATE;

-- upsert --
-- Store memories with their vectors, in the given order, each coordinate at most once. A position
-- is drawn under the row's lock, so that positions follow versions. What has expired by $20 counts
-- as deleted. Those of $19 only where no memory lives, those of $23 only where none ever did; those
-- of $21 only if none elsewhere, but at $22, has the same content key. Rows that are not given back
-- were not written.
WITH given AS MATERIALIZED (
    SELECT g.*, now() + (g.n - 1) * interval '1 microsecond' AS at
    FROM unnest(
        $2::text[], $3::uuid[], $4::text[], $5::json[], $6::text[], $7::bool[], $8::float8[],
        $9::json[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::bool[],
        $15::bigint[], $16::text[], $17::bytea[]
    ) WITH ORDINALITY AS g (
        coord, id, kind, payload, text, text_given, importance,
        tags, session, source, occurred_at, expires_at, pinned,
        content_key, model_revision, vector, n
    )
), kept AS (
    INSERT INTO memories (
        namespace, coord, id, axes, dims, kind, payload, text, text_given, importance, tags,
        session, source, occurred_at, expires_at, pinned, content_key,
        version, position, event_type, created_at, updated_at, xid
    )
    SELECT
        $1, g.coord, g.id, string_to_array(g.coord, ',')::float8[],
        cardinality(string_to_array(g.coord, ',')), g.kind, g.payload, g.text, g.text_given,
        g.importance, ARRAY(SELECT json_array_elements_text(g.tags)), g.session, g.source,
        g.occurred_at, g.expires_at, g.pinned, g.content_key,
        1, nextval('memory_log'), 'created', g.at, g.at, $18::bigint
    FROM given AS g
    WHERE g.coord <> ALL($21::text[]) OR NOT EXISTS (
        SELECT FROM memories AS m
        WHERE m.namespace = $1 AND m.content_key = g.content_key AND m.deleted_at IS NULL
            AND m.coord <> g.coord AND m.coord <> ALL($22::text[])
    )
    ORDER BY g.n
    ON CONFLICT (namespace, coord) DO UPDATE SET
        kind = excluded.kind, payload = excluded.payload, text = excluded.text,
        text_given = excluded.text_given, importance = excluded.importance, tags = excluded.tags,
        session = excluded.session, source = excluded.source, occurred_at = excluded.occurred_at,
        expires_at = excluded.expires_at, pinned = excluded.pinned,
        content_key = excluded.content_key,
        version = memories.version + 1,
        position = nextval('memory_log'),
        event_type = CASE
            WHEN memories.deleted_at IS NOT NULL OR memories.expires_at <= $20::timestamptz
            THEN 'created' ELSE 'updated'
        END,
        created_at = CASE
            WHEN memories.deleted_at IS NOT NULL OR memories.expires_at <= $20::timestamptz
            THEN greatest(excluded.updated_at, memories.updated_at) ELSE memories.created_at
        END,
        updated_at = greatest(excluded.updated_at, memories.updated_at),
        deleted_at = NULL,
        xid = excluded.xid
    WHERE memories.coord <> ALL($23::text[]) AND (
        memories.deleted_at IS NOT NULL OR memories.expires_at <= $20::timestamptz
        OR memories.coord <> ALL($19::text[])
    )
    RETURNING coord, id, version, position, event_type, updated_at, created_at
), embedded AS (
    INSERT INTO memory_vectors (namespace, id, model_revision, version, vector, xid)
    SELECT $1, k.id, g.model_revision, k.version, g.vector, $18::bigint
    FROM kept AS k JOIN given AS g ON g.coord = k.coord
    WHERE g.vector IS NOT NULL
    ON CONFLICT (namespace, id, model_revision) DO UPDATE SET
        version = excluded.version, vector = excluded.vector, xid = excluded.xid
)
SELECT coord, id, version, position, event_type, updated_at, created_at FROM kept;

-- bury --
-- Turn held memories into tombstones: what they said is gone, identity and version stay.
WITH gone AS (
    UPDATE memories SET
        payload = '{}', text = '', text_given = false, importance = 1, tags = '{}',
        session = NULL, source = NULL, occurred_at = NULL, expires_at = NULL, pinned = false, content_key = 0,
        version = version + 1,
        position = nextval('memory_log'),
        event_type = 'deleted',
        updated_at = greatest(now(), updated_at),
        deleted_at = greatest(now(), updated_at),
        xid = $3::bigint
    WHERE namespace = $1 AND coord = ANY($2::text[]) AND deleted_at IS NULL
    RETURNING coord, id, version, position, event_type, updated_at, created_at
), vectors AS (
    DELETE FROM memory_vectors AS v USING gone WHERE v.namespace = $1 AND v.id = gone.id
)
SELECT coord, id, version, position, event_type, updated_at, created_at FROM gone;

-- plant --
-- Tombstones where nothing lives: a new one, or the next version of the one that is there.
INSERT INTO memories (
    namespace, coord, id, axes, dims, kind, payload, text, text_given, importance, tags, pinned,
    content_key, version, position, event_type, created_at, updated_at, deleted_at, xid
)
SELECT
    $1, g.coord, g.id, string_to_array(g.coord, ',')::float8[],
    cardinality(string_to_array(g.coord, ',')), 'episodic', '{}', '', false, 1, '{}', false,
    0, 1, nextval('memory_log'), 'deleted', now(), now(), now(), $4::bigint
FROM unnest($2::text[], $3::uuid[]) AS g (coord, id)
ON CONFLICT (namespace, coord) DO UPDATE SET
    version = memories.version + 1,
    position = nextval('memory_log'),
    event_type = 'deleted',
    updated_at = greatest(excluded.updated_at, memories.updated_at),
    deleted_at = greatest(excluded.updated_at, memories.updated_at),
    xid = excluded.xid
WHERE memories.deleted_at IS NOT NULL
RETURNING coord, id, version, position, event_type, updated_at, created_at;

-- stamp --
-- Let just written memories say of their version what the write says of it: the name of its event,
-- its times, a version above the next. Before `log_changes`, which tells what stands then. A vector
-- goes along only if it was written with this very version ($7): an older one stays stale.
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(
        $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[]
    ) AS g (coord, event_type, created_at, updated_at, version, was)
), stamped AS (
    UPDATE memories AS m SET
        event_type = coalesce(g.event_type, m.event_type),
        created_at = coalesce(g.created_at, m.created_at),
        updated_at = coalesce(g.updated_at, m.updated_at),
        deleted_at = CASE
            WHEN m.deleted_at IS NOT NULL THEN coalesce(g.updated_at, m.deleted_at)
        END,
        version = greatest(m.version, g.version)
    FROM given AS g
    WHERE m.namespace = $1 AND m.coord = g.coord
    RETURNING m.coord, m.id, m.version, m.position, m.event_type, m.updated_at, m.created_at, g.was
), vectors AS (
    UPDATE memory_vectors AS v SET version = s.version
    FROM stamped AS s
    WHERE v.namespace = $1 AND v.id = s.id AND v.version = s.was AND v.version <> s.version
)
SELECT coord, id, version, position, event_type, updated_at, created_at FROM stamped;

-- log_changes --
-- Put the events of just written memories into the log, with their state after the event, and the
-- trace of the request. Decay says no importance anew, so it tells the normaliser none.
INSERT INTO memory_events (
    namespace, seq, event_id, memory_id, coord, type, version, at, importance, body, xid, trace
)
SELECT
    m.namespace, m.position, e.event_id, m.id, m.coord, m.event_type, m.version, m.updated_at,
    CASE WHEN m.deleted_at IS NULL AND m.event_type <> 'decayed' THEN m.importance END,
    CASE WHEN m.deleted_at IS NULL THEN json_build_object(
        'kind', m.kind, 'payload', m.payload, 'text', m.text, 'text_given', m.text_given,
        'importance', m.importance, 'tags', m.tags, 'session', m.session, 'source', m.source,
        'occurred_at', m.occurred_at, 'expires_at', m.expires_at, 'pinned', m.pinned,
        'content_key', m.content_key, 'created_at', m.created_at
    ) END,
    m.xid, $4
FROM unnest($2::text[], $3::uuid[]) AS e (coord, event_id)
JOIN memories AS m ON m.namespace = $1 AND m.coord = e.coord;
