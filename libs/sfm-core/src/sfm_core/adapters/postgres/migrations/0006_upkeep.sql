-- How often memories are recalled and read: steers pruning, is in no log, and may be lost.

CREATE TABLE memory_access (
    namespace text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    hits bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (namespace, id)
);

ALTER TABLE memory_access ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_access FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON memory_access
    USING (current_setting('sfm.namespace', true) IN (namespace, '*'));

CREATE INDEX memories_expiring ON memories (namespace, expires_at)
    WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
