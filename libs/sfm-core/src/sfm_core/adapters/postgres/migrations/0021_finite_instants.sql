-- The first microsecond of year 1 and the last of 9999 were held as infinities until now (ADR 163).
SELECT set_config('sfm.namespace', '*', true);

CREATE FUNCTION pg_temp.finite(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE at
        WHEN 'infinity' THEN '9999-12-31T23:59:59.999999+00:00'::timestamptz
        WHEN '-infinity' THEN '0001-01-01T00:00:00+00:00'::timestamptz
        ELSE at
    END
$$;

UPDATE memories SET
    occurred_at = pg_temp.finite(occurred_at), expires_at = pg_temp.finite(expires_at),
    created_at = pg_temp.finite(created_at), updated_at = pg_temp.finite(updated_at),
    deleted_at = pg_temp.finite(deleted_at)
WHERE NOT (isfinite(occurred_at) IS NOT FALSE AND isfinite(expires_at) IS NOT FALSE AND isfinite(created_at)
    AND isfinite(updated_at) AND isfinite(deleted_at) IS NOT FALSE);

UPDATE links SET
    created_at = pg_temp.finite(created_at), updated_at = pg_temp.finite(updated_at),
    deleted_at = pg_temp.finite(deleted_at)
WHERE NOT (isfinite(created_at) AND isfinite(updated_at) AND isfinite(deleted_at) IS NOT FALSE);

UPDATE memory_access SET last_at = pg_temp.finite(last_at) WHERE NOT isfinite(last_at);

UPDATE memory_events SET at = pg_temp.finite(at) WHERE NOT isfinite(at);

-- Key by key: what a payload says stays as it is.
UPDATE memory_events SET body = json_build_object(
    'kind', body->'kind', 'payload', body->'payload', 'text', body->'text',
    'text_given', body->'text_given', 'importance', body->'importance', 'tags', body->'tags',
    'session', body->'session', 'source', body->'source',
    'occurred_at', pg_temp.finite((body->>'occurred_at')::timestamptz),
    'expires_at', pg_temp.finite((body->>'expires_at')::timestamptz),
    'pinned', body->'pinned', 'content_key', body->'content_key',
    'created_at', pg_temp.finite((body->>'created_at')::timestamptz)
)
WHERE body->'payload' IS NOT NULL
    AND (body->>'occurred_at' IN ('infinity', '-infinity')
        OR body->>'expires_at' IN ('infinity', '-infinity')
        OR body->>'created_at' IN ('infinity', '-infinity'));

-- Receipts name times too, and had the two without their offset.
UPDATE idempotency_keys SET outcomes = replace(
    replace(
        outcomes::text, '"9999-12-31T23:59:59.999999"', '"9999-12-31T23:59:59.999999+00:00"'
    ),
    '"0001-01-01T00:00:00"', '"0001-01-01T00:00:00+00:00"'
)::json
WHERE outcomes::text LIKE '%"9999-12-31T23:59:59.999999"%'
    OR outcomes::text LIKE '%"0001-01-01T00:00:00"%';
