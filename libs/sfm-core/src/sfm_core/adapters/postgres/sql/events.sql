-- history --
-- Events of one memory with a version below $3 (null: any), the highest first. At most $5 bytes.
-- include window large=body small=coord --
SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
FROM memory_events
WHERE namespace = $1 AND memory_id = $2 AND ($3::bigint IS NULL OR version < $3)
ORDER BY version DESC
LIMIT $4
-- include windowed bytes=$5 --
;

-- at_version --
-- The event that made one version of one memory.
SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
FROM memory_events
WHERE namespace = $1 AND memory_id = $2 AND version = $3;

-- horizon --
-- The highest position below which no transaction under way can bring another of this namespace.
SELECT log_horizon($1);

-- page --
-- Events behind $2 up to a horizon that was asked for before this statement began. At most $5 bytes.
-- include window large=body small=coord --
SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
FROM memory_events
WHERE namespace = $1 AND seq > $2 AND seq <= $3
ORDER BY seq
LIMIT $4
-- include windowed bytes=$5 --
;
