-- hold_ends --
-- Lock live memories against their end, in the order of their coordinates; those that have expired
-- by $3 do not count. A delete waits for it, and it for a delete.
SELECT coord FROM memories
WHERE namespace = $1 AND coord = ANY($2::text[]) AND deleted_at IS NULL
    AND ($3::timestamptz IS NULL OR expires_at IS NULL OR expires_at > $3)
ORDER BY coord
FOR KEY SHARE;

-- known_ends --
-- Where anything was ever stored.
SELECT coord FROM memories WHERE namespace = $1 AND coord = ANY($2::text[]);

-- put_link --
-- Make a link, or give it another weight; no row: it is there just so.
INSERT INTO links (
    namespace, from_id, to_id, type, weight, version, position, created_at, updated_at, xid
)
VALUES ($1, $2, $3, $4, $5, 1, nextval('memory_log'), now(), now(), $6)
ON CONFLICT (namespace, from_id, to_id, type) DO UPDATE SET
    weight = excluded.weight,
    version = links.version + 1,
    position = nextval('memory_log'),
    created_at = CASE
        WHEN links.deleted_at IS NULL THEN links.created_at
        ELSE greatest(excluded.updated_at, links.updated_at)
    END,
    updated_at = greatest(excluded.updated_at, links.updated_at),
    deleted_at = NULL,
    xid = excluded.xid
WHERE links.deleted_at IS NOT NULL OR links.weight <> excluded.weight
RETURNING from_id, to_id, type, weight, version, position, created_at, updated_at, false AS deleted;

-- unlink --
-- End a link; no row: there is none.
UPDATE links SET
    version = version + 1,
    position = nextval('memory_log'),
    updated_at = greatest(now(), updated_at),
    deleted_at = greatest(now(), updated_at),
    xid = $5::bigint
WHERE namespace = $1 AND from_id = $2 AND to_id = $3 AND type = $4 AND deleted_at IS NULL
RETURNING from_id, to_id, type, weight, version, position, created_at, updated_at, true AS deleted;

-- read_links --
-- Links as they are, ended ones too.
SELECT l.from_id, l.to_id, l.type, l.weight, l.version, l.position, l.created_at, l.updated_at,
       l.deleted_at IS NOT NULL AS deleted
FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS k (from_id, to_id, type)
JOIN links AS l
    ON l.namespace = $1 AND l.from_id = k.from_id AND l.to_id = k.to_id AND l.type = k.type;

-- hold_links --
-- Lock every link of these memories, which are held, and count them; in one order, for others may be
-- ending the same links from their other ends.
WITH theirs AS MATERIALIZED (
    SELECT from_id, to_id, type FROM links
    WHERE namespace = $1 AND from_id = ANY($2::uuid[]) AND deleted_at IS NULL
    UNION
    SELECT from_id, to_id, type FROM links
    WHERE namespace = $1 AND to_id = ANY($2::uuid[]) AND deleted_at IS NULL
), held AS MATERIALIZED (
    SELECT l.from_id
    FROM theirs AS t
    JOIN links AS l
        ON l.namespace = $1 AND l.from_id = t.from_id AND l.to_id = t.to_id AND l.type = t.type
    WHERE l.deleted_at IS NULL
    ORDER BY l.from_id, l.to_id, l.type
    FOR UPDATE OF l
)
SELECT count(*) FROM held;

-- unlink_out --
-- End links from these memories, which are held, behind ($4, $5, $6); at most $7.
WITH gone AS (
    UPDATE links AS l SET
        version = l.version + 1,
        position = nextval('memory_log'),
        updated_at = greatest(now(), l.updated_at),
        deleted_at = greatest(now(), l.updated_at),
        xid = $3::bigint
    FROM (
        SELECT from_id, to_id, type FROM links
        WHERE namespace = $1 AND from_id = ANY($2::uuid[]) AND deleted_at IS NULL
            AND (from_id, to_id, type) > ($4::uuid, $5::uuid, $6::text)
        ORDER BY from_id, to_id, type
        LIMIT $7
    ) AS h
    WHERE l.namespace = $1 AND l.from_id = h.from_id AND l.to_id = h.to_id AND l.type = h.type
    RETURNING l.from_id, l.to_id, l.type, l.weight, l.version, l.position, l.created_at, l.updated_at
)
SELECT g.from_id, g.to_id, g.type, g.weight, g.version, g.position, g.created_at, g.updated_at,
       true AS deleted, o.coord AS from_coord, t.coord AS to_coord
FROM gone AS g
JOIN memories AS o ON o.namespace = $1 AND o.id = g.from_id
JOIN memories AS t ON t.namespace = $1 AND t.id = g.to_id
ORDER BY g.from_id, g.to_id, g.type;

-- unlink_in --
-- The same with links to them.
WITH gone AS (
    UPDATE links AS l SET
        version = l.version + 1,
        position = nextval('memory_log'),
        updated_at = greatest(now(), l.updated_at),
        deleted_at = greatest(now(), l.updated_at),
        xid = $3::bigint
    FROM (
        SELECT from_id, to_id, type FROM links
        WHERE namespace = $1 AND to_id = ANY($2::uuid[]) AND deleted_at IS NULL
            AND (to_id, from_id, type) > ($4::uuid, $5::uuid, $6::text)
        ORDER BY to_id, from_id, type
        LIMIT $7
    ) AS h
    WHERE l.namespace = $1 AND l.from_id = h.from_id AND l.to_id = h.to_id AND l.type = h.type
    RETURNING l.from_id, l.to_id, l.type, l.weight, l.version, l.position, l.created_at, l.updated_at
)
SELECT g.from_id, g.to_id, g.type, g.weight, g.version, g.position, g.created_at, g.updated_at,
       true AS deleted, o.coord AS from_coord, t.coord AS to_coord
FROM gone AS g
JOIN memories AS o ON o.namespace = $1 AND o.id = g.from_id
JOIN memories AS t ON t.namespace = $1 AND t.id = g.to_id
ORDER BY g.to_id, g.from_id, g.type;

-- log_links --
-- Put the events of changed links into the log.
INSERT INTO memory_events (
    namespace, seq, event_id, memory_id, coord, type, version, at, importance, body, xid, trace
)
SELECT $1, e.seq, e.event_id, e.link_id, e.coord, e.type, e.version, e.at, NULL, e.body, $10::bigint,
       $11
FROM unnest(
    $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[],
    $9::json[]
) AS e (seq, event_id, link_id, coord, type, version, at, body);

-- neighbors --
-- The strongest $6 links of each of these memories behind ($7 weight, $8 id, $9 type, $10 direction),
-- of type $3 and direction $4 when given; other ends that have expired by $5 are left out.
SELECT n.id AS of_id, l.*
FROM unnest($2::uuid[]) AS n (id)
CROSS JOIN LATERAL (
    SELECT e.direction, m.coord, m.id, e.type, e.weight, e.version, e.position, e.created_at,
           e.updated_at
    FROM (
        SELECT 'out' COLLATE "C" AS direction, to_id AS other, type, weight, version, position,
               created_at, updated_at
        FROM links
        WHERE namespace = $1 AND from_id = n.id AND deleted_at IS NULL
            AND ($4::text IS NULL OR $4 = 'out')
        UNION ALL
        SELECT 'in', from_id, type, weight, version, position, created_at, updated_at
        FROM links
        WHERE namespace = $1 AND to_id = n.id AND deleted_at IS NULL
            AND ($4::text IS NULL OR $4 = 'in')
    ) AS e
    JOIN memories AS m ON m.namespace = $1 AND m.id = e.other
    WHERE m.deleted_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > $5::timestamptz)
        AND ($3::text IS NULL OR e.type = $3)
        AND ($7::float8 IS NULL OR e.weight < $7 OR (
            e.weight = $7 AND (m.id, e.type, e.direction) > ($8::uuid, $9::text, $10::text)
        ))
    ORDER BY e.weight DESC, m.id, e.type, e.direction
    LIMIT $6
) AS l;

-- all_links --
-- Links with their ends, behind ($2, $3, $4).
SELECT l.from_id, l.to_id, l.type, l.weight, l.version, l.position, l.created_at, l.updated_at,
       false AS deleted, o.coord AS from_coord, t.coord AS to_coord
FROM links AS l
JOIN memories AS o ON o.namespace = $1 AND o.id = l.from_id
JOIN memories AS t ON t.namespace = $1 AND t.id = l.to_id
WHERE l.namespace = $1 AND l.deleted_at IS NULL
    AND (l.from_id, l.to_id, l.type) > ($2::uuid, $3::uuid, $4::text)
ORDER BY l.from_id, l.to_id, l.type
LIMIT $5;

-- load_links --
-- The same without their ends, for a view.
SELECT namespace, from_id, to_id, type, weight, version, position, false AS deleted
FROM links
WHERE namespace = $1 AND deleted_at IS NULL
    AND (from_id, to_id, type) > ($2::uuid, $3::uuid, $4::text)
ORDER BY from_id, to_id, type
LIMIT $5;

-- changed_links --
-- Links written by transactions from $1 on; the transaction's id is asked for alone, as for rows.
WITH written AS MATERIALIZED (
    SELECT namespace, from_id, to_id, type, weight, version, position, deleted_at IS NOT NULL AS deleted
    FROM links WHERE xid >= $1
)
SELECT namespace, from_id, to_id, type, weight, version, position, deleted
FROM written WHERE namespace = ANY($2::text[]);

-- now --
-- The transaction's time.
SELECT now();
