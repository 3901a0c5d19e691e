-- Counting a namespace reads indexes only: kinds, and which vectors are of the version that lives.
CREATE INDEX memories_counted ON memories (namespace, kind, id, version) WHERE deleted_at IS NULL;
CREATE INDEX memories_buried ON memories (namespace) WHERE deleted_at IS NOT NULL;
CREATE INDEX memory_vectors_counted ON memory_vectors (namespace, id, version);

-- A filter for a session is the common one, and rare in its namespace.
CREATE INDEX memories_of_session ON memories (namespace, session, created_at, id)
    WHERE deleted_at IS NULL AND session IS NOT NULL;
