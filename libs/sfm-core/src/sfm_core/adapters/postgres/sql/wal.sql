-- owe --
-- Note memories as not indexed. One that is no more is passed over, also when an erasure is under
-- way: the lock waits for it. Those noted already keep their attempts.
INSERT INTO vector_wal (namespace, memory_id, version, reason)
SELECT $1, held.id, held.version, $4
FROM (
    SELECT m.id, n.version
    FROM memories AS m JOIN unnest($2::uuid[], $3::bigint[]) AS n (id, version) ON n.id = m.id
    WHERE m.namespace = $1 AND m.id = ANY ($2)
    ORDER BY m.id
    FOR KEY SHARE OF m
) AS held
ON CONFLICT (namespace, memory_id) DO UPDATE
SET version = greatest(vector_wal.version, excluded.version), reason = excluded.reason;

-- due --
-- What is to be tried again, the longest due first; of some namespaces nothing.
SELECT namespace, memory_id, version, reason, attempts, created_at
FROM vector_wal
WHERE due_at <= $1 AND ($2::text IS NULL OR namespace = $2) AND namespace <> ALL ($4::text[])
ORDER BY due_at
LIMIT $3;

-- paid --
-- Strike off what is indexed, unless a later version was noted since.
DELETE FROM vector_wal AS w
USING unnest($2::uuid[], $3::bigint[]) AS n (id, version)
WHERE w.namespace = $1 AND w.memory_id = ANY ($2) AND w.memory_id = n.id AND w.version <= n.version;

-- failed --
-- Count an attempt, and say when the next is due.
UPDATE vector_wal SET attempts = attempts + 1, reason = $3, due_at = $4
WHERE namespace = $1 AND memory_id = ANY ($2::uuid[]);

-- noted --
-- Which memories of a namespace are owed; any so many.
SELECT memory_id FROM vector_wal WHERE namespace = $1 LIMIT $2;

-- size --
-- How much is owed, and since when; of one namespace or of all.
SELECT count(*) AS count, min(created_at) AS oldest
FROM vector_wal
WHERE $1::text IS NULL OR namespace = $1;
