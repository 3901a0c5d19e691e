-- claim_group --
-- Be the reader of a group, unless another was heard of lately; behind which position it goes on.
INSERT INTO log_groups AS g (name, owner, seen_at) VALUES ($1, $2, now())
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, seen_at = excluded.seen_at
WHERE g.owner IS NULL OR g.owner = excluded.owner
    OR g.seen_at < now() - make_interval(secs => $3)
RETURNING position;

-- release_group --
-- Let another be the reader.
UPDATE log_groups SET owner = NULL WHERE name = $1 AND owner = $2;

-- commit_group --
-- Go on behind this position from now on; no row: another is the reader.
UPDATE log_groups SET position = $3, seen_at = now() WHERE name = $1 AND owner = $2
RETURNING true AS done;

-- horizon_of_all --
-- The highest position below which no transaction under way can bring another.
SELECT log_horizon_of_all();

-- read_all --
-- Events of all namespaces behind $1, up to a horizon that was asked for before this statement began.
-- At most $4 bytes. Each namespace is looked up by its own key: none has an index on positions alone.
-- So only the positions next to the first that is there are looked for, four for each of $3 rows.
-- include window large=body small=coord --
SELECT e.*
FROM (
    SELECT min(next.seq) AS seq
    FROM namespaces AS n
    CROSS JOIN LATERAL (
        SELECT seq FROM memory_events WHERE namespace = n.name AND seq > $1 ORDER BY seq LIMIT 1
    ) AS next
) AS first
CROSS JOIN namespaces AS n
CROSS JOIN LATERAL (
    SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body, trace,
           CASE WHEN type = 'erased' THEN version ELSE n.generation END AS generation
    FROM memory_events
    WHERE namespace = n.name AND seq >= first.seq AND seq <= $2
        AND seq < first.seq + 4 * $3::bigint
    ORDER BY seq
    LIMIT $3
) AS e
ORDER BY e.seq
LIMIT $3
-- include windowed bytes=$4 --
;

-- behind --
-- How many events there are behind a position, counted up to $2.
SELECT count(*) FROM (
    SELECT FROM namespaces AS n
    JOIN memory_events AS e ON e.namespace = n.name AND e.seq > $1
    LIMIT $2
) AS later;
