-- enter --
-- See every namespace, in this transaction only, and claim one after the other. What is unsent is
-- found by its index, also before the first ANALYZE.
SELECT set_config('sfm.namespace', '*', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       pg_advisory_xact_lock(hashtextextended('outbox', -3));

-- claim --
-- The lowest unsent events whose memories no other claim holds, for $4 seconds, at most $2 bytes.
-- An erasure is of the life that it began.
WITH ended AS (
    DELETE FROM outbox_claims WHERE until <= clock_timestamp()
), claimed AS MATERIALIZED (
    -- include window large=body small=coord --
    SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body, trace
    FROM memory_events
    WHERE sent_at IS NULL AND memory_id NOT IN (
        SELECT unnest(memories) FROM outbox_claims WHERE until > clock_timestamp()
    )
    ORDER BY seq
    LIMIT $1
    -- include windowed bytes=$2 --
), noted AS (
    INSERT INTO outbox_claims (id, memories, until)
    SELECT $3, array_agg(DISTINCT memory_id), clock_timestamp() + make_interval(secs => $4)
    FROM claimed HAVING count(*) > 0
)
SELECT c.*, CASE WHEN c.type = 'erased' THEN c.version ELSE n.generation END AS generation
FROM claimed AS c
JOIN namespaces AS n ON n.name = c.namespace
ORDER BY c.seq;

-- mark_sent --
-- They were published. What an erasure is about to remove is not waited for.
WITH there AS MATERIALIZED (
    SELECT e.namespace, e.seq
    FROM unnest($1::text[], $2::bigint[]) AS s (namespace, seq)
    JOIN memory_events AS e ON e.namespace = s.namespace AND e.seq = s.seq
    WHERE e.sent_at IS NULL
    FOR UPDATE OF e SKIP LOCKED
), released AS (
    DELETE FROM outbox_claims WHERE id = $3
)
UPDATE memory_events AS e SET sent_at = now()
FROM there AS t
WHERE e.namespace = t.namespace AND e.seq = t.seq;

-- release --
-- Let others claim the same.
DELETE FROM outbox_claims WHERE id = $1;

-- backlog --
-- How many are unsent, counted up to $1 and guessed beyond, and when the first of them was written.
SELECT
    CASE WHEN counted.n < $1 THEN counted.n ELSE greatest(
        counted.n,
        (SELECT reltuples::bigint FROM pg_class WHERE oid = 'memory_events_unsent'::regclass)
    ) END AS unsent,
    (SELECT at FROM memory_events WHERE sent_at IS NULL ORDER BY seq LIMIT 1) AS oldest
FROM (
    SELECT count(*) AS n
    FROM (SELECT FROM memory_events WHERE sent_at IS NULL ORDER BY seq LIMIT $1) AS first
) AS counted;
