-- As many events as stand between two sizes of the log: $3 memories, numbered from $2, of $4 versions
-- each, in the order in which they would have been written. The last $6 events are unsent. $5 is the
-- position behind which they go.
WITH made AS MATERIALIZED (
    SELECT n, n - $2::bigint + 1 AS nth, format('%s,7', n) AS coord, md5($1::text || n)::uuid AS id,
           format(
               'On day %s Ada had tea number %s in the garden, and told of harbour %s and of house %s.',
               n, n % 997, n % 8191, n % 131
           ) AS text,
           json_build_object('n', n, 'said', format('tea %s', n)) AS payload
    FROM generate_series($2::bigint, $2::bigint + $3::bigint - 1) AS n
), stored AS (
    INSERT INTO memories (
        namespace, coord, id, axes, dims, kind, payload, text, text_given, importance, tags, pinned,
        content_key, version, position, event_type, created_at, updated_at, xid
    )
    SELECT $1::text, coord, id, ARRAY[n, 7], 2, 'episodic', payload, text, true, 1, '{}', false,
           n, $4::integer, $5::bigint + ($4::integer - 1) * $3::bigint + nth, 'updated', now(), now(),
           pg_current_xact_id()::text::bigint
    FROM made ORDER BY n
), embedded AS (
    INSERT INTO memory_vectors (namespace, id, model_revision, version, vector, xid)
    SELECT $1::text, id, $7::text, $4::integer, decode(repeat(md5(n::text), 96), 'hex'),
           pg_current_xact_id()::text::bigint
    FROM made ORDER BY n
)
INSERT INTO memory_events (
    namespace, seq, event_id, memory_id, coord, type, version, at, importance, body, xid, sent_at
)
SELECT
    $1::text, $5::bigint + (version - 1) * $3::bigint + nth, md5(format('%s %s', id, version))::uuid, id, coord,
    CASE version WHEN 1 THEN 'created' ELSE 'updated' END, version, now(), 1,
    json_build_object(
        'kind', 'episodic', 'payload', payload, 'text', text, 'text_given', true, 'importance', 1,
        'tags', '[]'::json, 'session', null, 'source', null, 'occurred_at', null,
        'expires_at', null, 'pinned', false, 'content_key', n, 'created_at', now()
    ),
    pg_current_xact_id()::text::bigint,
    CASE WHEN (version - 1) * $3::bigint + nth <= $3::bigint * $4::integer - $6::bigint THEN now() END
FROM made CROSS JOIN generate_series(1, $4::integer) AS version
ORDER BY 2
