-- lock --
-- One migration at a time per database; waits for its turn.
SELECT pg_advisory_lock(5994217839042161);

-- unlock --
-- The next one, please.
SELECT pg_advisory_unlock(5994217839042161);

-- make_table --
-- Where applied migrations are written down.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text COLLATE "C" PRIMARY KEY,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- applied --
-- What was applied, oldest first.
SELECT name, digest FROM schema_migrations ORDER BY name;

-- note --
-- Write one down.
INSERT INTO schema_migrations (name, digest) VALUES ($1, $2);

-- server_version --
-- 160003 is 16.3.
SELECT current_setting('server_version_num')::int;

-- settle_memories --
-- After a dump was loaded into another server its transaction ids mean nothing there.
UPDATE memories SET xid = 0 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- settle_vectors --
-- The same for vectors.
UPDATE memory_vectors SET xid = 0 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- settle_events --
-- The same for events.
UPDATE memory_events SET xid = 0 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- settle_links --
-- The same for links.
UPDATE links SET xid = 0 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- settle_samples --
-- The same for importances without events.
UPDATE importance_samples SET xid = 0
WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
