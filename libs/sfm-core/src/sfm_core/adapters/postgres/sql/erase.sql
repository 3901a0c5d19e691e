-- make_sure --
-- A namespace nobody wrote to has a row as well: what was begun for it must find the next generation.
INSERT INTO namespaces (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- lock --
-- Wait for every write that holds the namespace, keep all others off, and take an id.
SELECT set_config('sfm.namespace', $1, true), announce_positions($1),
       pg_current_xact_id()::text::bigint AS xid
FROM namespaces WHERE name = $1 FOR UPDATE;

-- next_generation --
-- What is begun from now on is of another life.
UPDATE namespaces SET generation = generation + 1 WHERE name = $1 RETURNING generation;

-- erase_memories --
-- Rows, tombstones too.
DELETE FROM memories WHERE namespace = $1;

-- erase_vectors --
-- Of every model revision.
DELETE FROM memory_vectors WHERE namespace = $1;

-- erase_events --
-- The log, but for earlier erasures, which hold counts.
DELETE FROM memory_events WHERE namespace = $1 AND type <> 'erased';

-- erase_links --
-- Ended ones too.
DELETE FROM links WHERE namespace = $1;

-- erase_receipts --
-- Idempotency keys.
DELETE FROM idempotency_keys WHERE namespace = $1;

-- erase_accesses --
-- How often memories were recalled and read.
DELETE FROM memory_access WHERE namespace = $1;

-- erase_importances --
-- Those without events.
DELETE FROM importance_samples WHERE namespace = $1;

-- erase_wal --
-- Vector writes that wait.
DELETE FROM vector_wal WHERE namespace = $1;

-- left --
-- What is still there.
SELECT
    (SELECT count(*) FROM memories WHERE namespace = $1) AS memories,
    (SELECT count(*) FROM memory_vectors WHERE namespace = $1) AS vectors,
    (SELECT count(*) FROM memory_events WHERE namespace = $1 AND type <> 'erased') AS events,
    (SELECT count(*) FROM links WHERE namespace = $1) AS links,
    (SELECT count(*) FROM idempotency_keys WHERE namespace = $1) AS receipts,
    (SELECT count(*) FROM memory_access WHERE namespace = $1) AS accesses,
    (SELECT count(*) FROM importance_samples WHERE namespace = $1) AS importances,
    (SELECT count(*) FROM vector_wal WHERE namespace = $1) AS wal;

-- log_erasure --
-- The first event of the new generation: whoever follows the log learns that what they have is gone.
INSERT INTO memory_events (namespace, event_id, memory_id, coord, type, version, at, body, xid, trace)
VALUES ($1, $2, $3, '', 'erased', $4, now(), $5::json, $6, $7)
RETURNING seq, at;

-- last_erasure --
-- Where in the log the namespace was last erased; no row: never.
SELECT seq FROM memory_events WHERE type = 'erased' AND namespace = $1 ORDER BY seq DESC LIMIT 1;
