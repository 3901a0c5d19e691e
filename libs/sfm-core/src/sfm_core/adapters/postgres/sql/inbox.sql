-- known_events --
-- Which of these events are in the log.
SELECT event_id FROM memory_events WHERE namespace = $1 AND event_id = ANY($2::uuid[]);

-- last_erasure --
-- When the namespace was last erased; no row: never.
SELECT at FROM memory_events WHERE namespace = $1 AND type = 'erased' ORDER BY seq DESC LIMIT 1;

-- places --
-- Where the memories and tombstones with these ids are.
SELECT id, coord FROM memories WHERE namespace = $1 AND id = ANY($2::uuid[]);

-- hold_link --
-- Lock a link, or what is left of one, and tell its version.
SELECT version FROM links
WHERE namespace = $1 AND from_id = $2 AND to_id = $3 AND type = $4
FOR UPDATE;

-- put_link_anyway --
-- As `put_link`, also where it changes nothing, at version $7 when that is above the next.
INSERT INTO links (
    namespace, from_id, to_id, type, weight, version, position, created_at, updated_at, xid
)
VALUES (
    $1, $2, $3, $4, $5, greatest(1, $7::bigint), nextval('memory_log'), now(), now(), $6::bigint
)
ON CONFLICT (namespace, from_id, to_id, type) DO UPDATE SET
    weight = excluded.weight,
    version = greatest(links.version + 1, $7::bigint),
    position = nextval('memory_log'),
    created_at = CASE
        WHEN links.deleted_at IS NULL THEN links.created_at
        ELSE greatest(excluded.updated_at, links.updated_at)
    END,
    updated_at = greatest(excluded.updated_at, links.updated_at),
    deleted_at = NULL,
    xid = excluded.xid
RETURNING from_id, to_id, type, weight, version, position, created_at, updated_at, false AS deleted;

-- unlink_anyway --
-- As `unlink`, also where there is no link, at version $6 when that is above the next.
INSERT INTO links (
    namespace, from_id, to_id, type, weight, version, position, created_at, updated_at, deleted_at,
    xid
)
VALUES (
    $1, $2, $3, $4, 1, greatest(1, $6::bigint), nextval('memory_log'), now(), now(), now(),
    $5::bigint
)
ON CONFLICT (namespace, from_id, to_id, type) DO UPDATE SET
    version = greatest(links.version + 1, $6::bigint),
    position = nextval('memory_log'),
    updated_at = greatest(excluded.updated_at, links.updated_at),
    deleted_at = greatest(excluded.updated_at, links.updated_at),
    xid = excluded.xid
RETURNING from_id, to_id, type, weight, version, position, created_at, updated_at, true AS deleted;
