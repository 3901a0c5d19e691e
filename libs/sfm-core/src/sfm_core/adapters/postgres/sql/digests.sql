-- digest_memories --
-- Of the live memories of a namespace (`digesting.memory_share`).
SELECT count(*) AS count, coalesce(sum(('x' || left(encode(sha256(convert_to(concat_ws('|',
    coord, version, kind, encode(float8send(importance), 'hex'), text_given::integer, pinned::integer,
    coalesce((extract(epoch FROM occurred_at) * 1000000)::bigint::text, '-'),
    coalesce((extract(epoch FROM expires_at) * 1000000)::bigint::text, '-'),
    (extract(epoch FROM created_at) * 1000000)::bigint,
    (extract(epoch FROM updated_at) * 1000000)::bigint,
    concat(
        length(payload::text), ':', payload, length(text), ':', text,
        coalesce(length(session) || ':' || session, '-'),
        coalesce(length(source) || ':' || source, '-'),
        CASE WHEN tags <> '{}' THEN (
            SELECT string_agg(length(t.tag) || ':' || t.tag, '' ORDER BY t.n)
            FROM unnest(tags) WITH ORDINALITY AS t (tag, n)
        ) END
    )
), 'UTF8')), 'hex'), 16))::bit(64)::bigint), 0)::text AS total
FROM memories
WHERE namespace = $1 AND deleted_at IS NULL;

-- digest_tombstones --
-- Of the memories of a namespace that live no more (`digesting.tombstone_share`).
SELECT count(*) AS count, coalesce(sum(('x' || left(encode(sha256(convert_to(concat_ws('|',
    coord, version, event_type
), 'UTF8')), 'hex'), 16))::bit(64)::bigint), 0)::text AS total
FROM memories
WHERE namespace = $1 AND deleted_at IS NOT NULL;

-- digest_links --
-- Of the live links of a namespace (`digesting.link_share`).
SELECT count(*) AS count, coalesce(sum(('x' || left(encode(sha256(convert_to(concat_ws('|',
    o.coord, t.coord, encode(float8send(l.weight), 'hex'), l.version,
    length(l.type) || ':' || l.type
), 'UTF8')), 'hex'), 16))::bit(64)::bigint), 0)::text AS total
FROM links AS l
JOIN memories AS o ON o.namespace = $1 AND o.id = l.from_id
JOIN memories AS t ON t.namespace = $1 AND t.id = l.to_id
WHERE l.namespace = $1 AND l.deleted_at IS NULL;

-- digest_vectors --
-- Of the vectors of live memories under one model revision (`digesting.vector_share`).
SELECT count(*) AS count, coalesce(sum(('x' || left(encode(sha256(
    uuid_send(m.id) || int8send(m.version) || v.vector
), 'hex'), 16))::bit(64)::bigint), 0)::text AS total
FROM memories AS m
JOIN memory_vectors AS v
    ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2 AND v.version = m.version
WHERE m.namespace = $1 AND m.deleted_at IS NULL;

-- embedded --
-- What is embedded of live memories, and their vectors under one model revision, by coordinate
-- behind $3; no more rows when their texts have come to $5 bytes.
SELECT coord, id, version, text, source, occurred_at, vector
FROM (
    SELECT m.coord, m.id, m.version, m.text, m.source, m.occurred_at, v.vector,
           sum(octet_length(m.text)) OVER (ORDER BY m.coord ROWS UNBOUNDED PRECEDING)
               - octet_length(m.text) AS bytes_before
    FROM memories AS m
    LEFT JOIN memory_vectors AS v
        ON v.namespace = m.namespace AND v.id = m.id AND v.model_revision = $2
            AND v.version = m.version
    WHERE m.namespace = $1 AND m.coord > $3 AND m.deleted_at IS NULL
    ORDER BY m.coord
    LIMIT $4
) AS page
WHERE bytes_before < $5
ORDER BY coord;

-- put_vectors --
-- Vectors of versions that are still the present ones; a change to the feed.
INSERT INTO memory_vectors AS v (namespace, id, model_revision, version, vector, xid)
SELECT $1, m.id, $5, m.version, g.vector, pg_current_xact_id()::text::bigint
FROM unnest($2::uuid[], $3::bigint[], $4::bytea[]) AS g (id, version, vector)
JOIN memories AS m
    ON m.namespace = $1 AND m.id = g.id AND m.version = g.version AND m.deleted_at IS NULL
ORDER BY m.coord
ON CONFLICT (namespace, id, model_revision) DO UPDATE SET
    version = excluded.version, vector = excluded.vector, xid = excluded.xid
WHERE v.version <= excluded.version;
