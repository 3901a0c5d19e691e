-- identity --
-- The cluster, its timeline, the database in it, and the life of a namespace: what tokens belong to.
SELECT concat_ws('/',
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT timeline_id FROM pg_control_checkpoint()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    coalesce((SELECT generation FROM namespaces WHERE name = $1), 1)
);

-- fingerprint --
-- Of the live memories of a namespace: how many, and the sum of their shares (`fingerprint_of`).
SELECT
    count(*) AS count,
    coalesce(sum(
        ('x' || left(id::text, 8))::bit(32)::bigint * (version % 65536 + 1)
        + (extract(epoch FROM updated_at) * 1000000)::bigint
    ), 0)::text AS total
FROM memories
WHERE namespace = $1 AND deleted_at IS NULL;
