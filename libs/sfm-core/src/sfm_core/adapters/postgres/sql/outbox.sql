-- enter --
-- See every namespace, in this transaction only.
SELECT set_config('sfm.namespace', '*', true);

-- claim --
-- The lowest unsent events that no other relay holds, and not those that have an earlier one of the
-- same memory which is held elsewhere: those come after it. An erasure is of the life that it began.
WITH claimed AS MATERIALIZED (
    SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body, trace
    FROM memory_events
    WHERE sent_at IS NULL
    ORDER BY seq
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT e.namespace, e.memory_id, min(e.seq) AS seq
    FROM memory_events AS e
    WHERE e.sent_at IS NULL AND e.seq < (SELECT max(seq) FROM claimed)
        AND NOT EXISTS (SELECT FROM claimed AS c WHERE c.seq = e.seq)
    GROUP BY e.namespace, e.memory_id
)
SELECT c.*,
       CASE WHEN c.type = 'erased' THEN c.version ELSE n.generation END AS generation
FROM claimed AS c
JOIN namespaces AS n ON n.name = c.namespace
WHERE NOT EXISTS (
    SELECT FROM held AS h
    WHERE h.namespace = c.namespace AND h.memory_id = c.memory_id AND h.seq < c.seq
)
ORDER BY c.seq;

-- mark_sent --
-- They were published.
UPDATE memory_events AS e SET sent_at = now()
FROM unnest($1::text[], $2::bigint[]) AS s (namespace, seq)
WHERE e.namespace = s.namespace AND e.seq = s.seq;

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
