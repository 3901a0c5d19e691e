-- expired --
-- Live memories that have expired by $2, the first to expire first.
SELECT coord, version FROM memories
WHERE namespace = $1 AND deleted_at IS NULL AND expires_at <= $2
ORDER BY expires_at, coord
LIMIT $3;

-- count_live --
-- Live memories that have not expired by $2.
SELECT count(*) FROM memories
WHERE namespace = $1 AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- agings --
-- What may decay, by coordinate behind $6: unpinned memories with one of the keys $3, of at most
-- importance $4, whose age counts from $5 or before. Decay is no saying: where it made the last
-- version, the log tells when the memory was last said.
SELECT m.coord, m.version, m.importance, s.since, k.keys
FROM memories AS m
CROSS JOIN LATERAL (
    SELECT greatest(
        coalesce(m.occurred_at, m.created_at),
        CASE m.event_type WHEN 'decayed' THEN (
            SELECT coalesce(max(e.at), m.created_at) FROM memory_events AS e
            WHERE e.namespace = m.namespace AND e.memory_id = m.id
                AND e.type IN ('created', 'updated', 'restored')
        ) ELSE m.updated_at END
    ) AS since
) AS s
CROSS JOIN LATERAL (
    SELECT array_agg(key) AS keys FROM json_object_keys(m.payload) AS key
    WHERE key = ANY($3::text[])
) AS k
WHERE m.namespace = $1 AND m.deleted_at IS NULL AND NOT m.pinned
    AND (m.expires_at IS NULL OR m.expires_at > $2)
    AND m.importance <= $4
    AND coalesce(m.occurred_at, m.created_at) <= $5 AND s.since <= $5
    AND k.keys IS NOT NULL
    AND m.coord > $6
ORDER BY m.coord
LIMIT $7;

-- standings --
-- What pruning weighs, by coordinate behind $3: live memories that are not pinned.
SELECT m.coord, m.version, m.importance, s.since, greatest(a.last_at, s.said_at) AS last_at
FROM memories AS m
LEFT JOIN memory_access AS a ON a.namespace = m.namespace AND a.id = m.id
CROSS JOIN LATERAL (
    SELECT said_at, greatest(coalesce(m.occurred_at, m.created_at), said_at) AS since
    FROM (SELECT
        CASE m.event_type WHEN 'decayed' THEN (
            SELECT coalesce(max(e.at), m.created_at) FROM memory_events AS e
            WHERE e.namespace = m.namespace AND e.memory_id = m.id
                AND e.type IN ('created', 'updated', 'restored')
        ) ELSE m.updated_at END AS said_at
    ) AS said
) AS s
WHERE m.namespace = $1 AND m.deleted_at IS NULL AND NOT m.pinned
    AND (m.expires_at IS NULL OR m.expires_at > $2)
    AND m.coord > $3
ORDER BY m.coord
LIMIT $4;

-- add_accesses --
-- Count accesses of live memories; by id, so that two processes cannot wait for each other.
INSERT INTO memory_access AS a (namespace, id, hits, last_at)
SELECT $1, g.id, g.hits, g.last_at
FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS g (id, hits, last_at)
JOIN memories AS m ON m.namespace = $1 AND m.id = g.id AND m.deleted_at IS NULL
ORDER BY g.id
ON CONFLICT (namespace, id) DO UPDATE SET
    hits = a.hits + excluded.hits, last_at = greatest(a.last_at, excluded.last_at);

-- accesses --
-- What is counted of some memories.
SELECT id, hits, last_at FROM memory_access WHERE namespace = $1 AND id = ANY($2::uuid[]);

-- sweep_accesses --
-- Forget the counts of memories that live no more.
WITH dead AS (
    DELETE FROM memory_access AS a
    WHERE a.namespace = $1 AND NOT EXISTS (
        SELECT FROM memories AS m
        WHERE m.namespace = $1 AND m.id = a.id AND m.deleted_at IS NULL
    )
    RETURNING 1
)
SELECT count(*) FROM dead;

-- old_receipts --
-- How many idempotency keys came before $1.
SELECT count(*) FROM idempotency_keys WHERE created_at < $1;

-- sweep_receipts --
-- Forget the $2 oldest idempotency keys that came before $1; none that another sweep has in hand.
WITH old AS MATERIALIZED (
    SELECT namespace, key FROM idempotency_keys
    WHERE created_at < $1
    ORDER BY created_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM idempotency_keys AS k USING old
    WHERE k.namespace = old.namespace AND k.key = old.key
    RETURNING 1
)
SELECT count(*) FROM gone;

-- try_job --
-- Take the lock of a job in a namespace for this connection, if nobody has it.
SELECT pg_try_advisory_lock(hashtextextended($2 || '/' || $1, -2));

-- end_job --
-- Give it back.
SELECT pg_advisory_unlock(hashtextextended($2 || '/' || $1, -2));
