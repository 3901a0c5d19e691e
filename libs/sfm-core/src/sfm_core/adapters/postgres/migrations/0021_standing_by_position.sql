-- What lives in the order of the events that made it: exports read it so, whatever the log's length (ADR 165).
CREATE INDEX memories_standing ON memories (namespace, position) WHERE deleted_at IS NULL;
CREATE INDEX links_standing ON links (namespace, position) WHERE deleted_at IS NULL;
