-- fence --
-- Declare the namespace, wait for all its writers and hold off new ones until this transaction ends.
SELECT set_config('sfm.namespace', $1, true), generation FROM namespaces WHERE name = $1 FOR UPDATE;

-- end_of_log --
-- The last position of a namespace's log, importances without events counted.
SELECT greatest(
    coalesce((SELECT max(seq) FROM memory_events WHERE namespace = $1), 0),
    coalesce((SELECT max(seq) FROM importance_samples WHERE namespace = $1), 0)
);

-- generation --
-- Which life of the namespace this is.
SELECT generation FROM namespaces WHERE name = $1;

-- scan_current --
-- Behind $2, the events up to $3 that made what lived at $3, with vectors of the revision $4; at most
-- $5, and no more than the one that passes $6 bytes. What was not changed since says itself which
-- event made it; only what was is looked up in the log, whose length does not count.
WITH later AS MATERIALIZED (
    SELECT memory_id FROM memory_events
    WHERE namespace = $1 AND seq > $3 AND type NOT IN ('linked', 'unlinked', 'erased')
)
SELECT * FROM (
    SELECT p.*, sum(octet_length(p.body::text)) OVER (ORDER BY p.seq) - octet_length(p.body::text) AS before
    FROM (
        SELECT e.*, NULL::float8 AS importance, true AS latest, (
            SELECT v.vector FROM memory_vectors AS v
            WHERE v.namespace = $1 AND v.id = e.memory_id AND v.model_revision = $4
                AND v.version = e.version
        ) AS vector
        FROM (
            SELECT * FROM (
                SELECT position AS seq FROM memories
                WHERE namespace = $1 AND position > $2 AND position <= $3 AND deleted_at IS NULL
                ORDER BY position LIMIT $5
            ) AS unchanged
            UNION ALL
            SELECT stood.seq FROM (SELECT DISTINCT memory_id FROM later) AS changed
            CROSS JOIN LATERAL (
                SELECT l.seq, l.body IS NOT NULL AS live FROM memory_events AS l
                WHERE l.namespace = $1 AND l.memory_id = changed.memory_id AND l.seq <= $3
                ORDER BY l.version DESC LIMIT 1
            ) AS stood
            WHERE stood.live AND stood.seq > $2
            ORDER BY seq
            LIMIT $5
        ) AS k
        CROSS JOIN LATERAL (
            SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
            FROM memory_events
            WHERE namespace = $1 AND seq = k.seq
            OFFSET 0
        ) AS e
        ORDER BY k.seq
    ) AS p
) AS page
WHERE page.before < $6
ORDER BY page.seq;

-- scan_history --
-- Behind $2, all events about memories up to $3, and the importances without events; the rest as above.
SELECT * FROM (
    SELECT p.*, v.vector, sum(octet_length(coalesce(p.body::text, ''))) OVER (ORDER BY p.seq)
               - octet_length(coalesce(p.body::text, '')) AS before,
           p.type IS NOT NULL AND p.version = (
               SELECT l.version FROM memory_events AS l
               WHERE l.namespace = $1 AND l.memory_id = p.memory_id AND l.seq <= $3
                   AND l.type NOT IN ('linked', 'unlinked', 'erased')
               ORDER BY l.version DESC LIMIT 1
           ) AS latest
    FROM (
        SELECT * FROM (
            SELECT e.namespace, e.seq, e.event_id, e.memory_id, e.coord, e.type, e.version, e.at, e.body,
                   NULL::float8 AS importance
            FROM memory_events AS e
            WHERE e.namespace = $1 AND e.seq > $2 AND e.seq <= $3
                AND e.type NOT IN ('linked', 'unlinked', 'erased')
            ORDER BY e.seq LIMIT $5
        ) AS events
        UNION ALL
        SELECT * FROM (
            SELECT s.namespace, s.seq, NULL::uuid, s.memory_id, s.coord, NULL, s.version, NULL::timestamptz,
                   NULL::json, s.importance
            FROM importance_samples AS s
            WHERE s.namespace = $1 AND s.seq > $2 AND s.seq <= $3
            ORDER BY s.seq LIMIT $5
        ) AS samples
        ORDER BY seq
        LIMIT $5
    ) AS p
    LEFT JOIN memory_vectors AS v
        ON v.namespace = p.namespace AND v.id = p.memory_id AND v.model_revision = $4
        AND v.version = p.version
) AS page
WHERE page.before < $6
ORDER BY page.seq;

-- past_samples --
-- Of the last $3 importances up to $2 those whose version lives no more, or has no event.
SELECT w.seq, w.coord, w.version, w.importance
FROM (
    SELECT * FROM (
        SELECT seq, memory_id, coord, version, importance, false AS bare
        FROM memory_events
        WHERE namespace = $1 AND seq <= $2 AND importance IS NOT NULL
        ORDER BY seq DESC LIMIT $3
    ) AS told
    UNION ALL
    SELECT * FROM (
        SELECT seq, memory_id, coord, version, importance, true AS bare
        FROM importance_samples
        WHERE namespace = $1 AND seq <= $2
        ORDER BY seq DESC LIMIT $3
    ) AS brought
    ORDER BY seq DESC
    LIMIT $3
) AS w
WHERE w.bare OR w.version <> (
    SELECT l.version FROM memory_events AS l
    WHERE l.namespace = $1 AND l.memory_id = w.memory_id AND l.seq <= $2
        AND l.type NOT IN ('linked', 'unlinked', 'erased')
    ORDER BY l.version DESC LIMIT 1
)
ORDER BY w.seq;

-- scan_links --
-- Behind $2, the events up to $3 that made the links there were at $3; at most $4. As above, only
-- what was changed since is looked up in the log.
WITH later AS MATERIALIZED (
    SELECT memory_id FROM memory_events
    WHERE namespace = $1 AND seq > $3 AND type IN ('linked', 'unlinked')
)
SELECT e.*
FROM (
    SELECT * FROM (
        SELECT position AS seq FROM links
        WHERE namespace = $1 AND position > $2 AND position <= $3 AND deleted_at IS NULL
        ORDER BY position LIMIT $4
    ) AS unchanged
    UNION ALL
    SELECT stood.seq FROM (SELECT DISTINCT memory_id FROM later) AS changed
    CROSS JOIN LATERAL (
        SELECT l.seq, l.type FROM memory_events AS l
        WHERE l.namespace = $1 AND l.memory_id = changed.memory_id AND l.seq <= $3
        ORDER BY l.version DESC LIMIT 1
    ) AS stood
    WHERE stood.type = 'linked' AND stood.seq > $2
    ORDER BY seq
    LIMIT $4
) AS k
CROSS JOIN LATERAL (
    SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
    FROM memory_events
    WHERE namespace = $1 AND seq = k.seq
    OFFSET 0
) AS e
ORDER BY k.seq;

-- links_standing --
-- What is stored of links, by their place in the question.
SELECT k.n, l.weight, l.updated_at, l.deleted_at IS NOT NULL AS deleted
FROM unnest($2::uuid[], $3::uuid[], $4::text[]) WITH ORDINALITY AS k (from_id, to_id, type, n)
JOIN links AS l
    ON l.namespace = $1 AND l.from_id = k.from_id AND l.to_id = k.to_id AND l.type = k.type;

-- standing --
-- Memories and tombstones by coordinate.
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at,
       deleted_at IS NOT NULL AS deleted
FROM memories
WHERE namespace = $1 AND coord = ANY($2::text[]);

-- keep_samples --
-- Give importances a place in the log, in the given order, as far as it does not know their version.
INSERT INTO importance_samples (namespace, seq, memory_id, coord, version, importance, xid)
SELECT $1, nextval('memory_log'), g.memory_id, g.coord, g.version, g.importance, $6::bigint
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::float8[])
    WITH ORDINALITY AS g (memory_id, coord, version, importance, n)
WHERE NOT EXISTS (
    SELECT FROM memory_events AS e
    WHERE e.namespace = $1 AND e.memory_id = g.memory_id AND e.version = g.version
)
ORDER BY g.n
ON CONFLICT (namespace, memory_id, version) DO NOTHING
RETURNING seq, importance;
