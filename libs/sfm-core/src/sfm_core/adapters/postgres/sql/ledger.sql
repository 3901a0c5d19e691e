-- ledger_spaces --
-- Every namespace that was ever written to.
SELECT name FROM namespaces ORDER BY name;

-- ledger_changed --
-- Namespaces of which memories, vectors or erasures were written by transactions from $1 on.
SELECT namespace FROM memories WHERE xid >= $1
UNION
SELECT namespace FROM memory_vectors WHERE xid >= $1
UNION
SELECT namespace FROM memory_events WHERE xid >= $1 AND type = 'erased';

-- ledger_sums --
-- Of the live memories of a namespace: by position (`digesting.point_share`), by version those with
-- a vector of a model revision (`digesting.version_share`), and how many have none.
SELECT count(*) AS count,
       coalesce(sum(('x' || left(encode(sha256(
           uuid_send(m.id) || int8send(m.position)
       ), 'hex'), 16))::bit(64)::bigint), 0)::text AS total,
       count(v.id) AS embedded,
       coalesce(sum(('x' || left(encode(sha256(
           uuid_send(m.id) || int8send(m.version)
       ), 'hex'), 16))::bit(64)::bigint) FILTER (WHERE v.id IS NOT NULL), 0)::text AS embedded_total
FROM memories AS m
LEFT JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2 AND v.version = m.version
WHERE m.namespace = $1 AND m.deleted_at IS NULL;

-- ledger_rows --
-- Memories and tombstones behind an id, and whether a live one has its vector of a model revision.
SELECT m.id, m.position, m.deleted_at IS NOT NULL AS deleted,
       m.deleted_at IS NULL AND v.id IS NOT NULL AS embedded
FROM memories AS m
LEFT JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2 AND v.version = m.version
WHERE m.namespace = $1 AND m.id > $3
ORDER BY m.id
LIMIT $4;
