-- Importances that an import brought of versions which it did not bring: they told the normaliser
-- of the namespace what they were, and have a place in the log, but no event.
CREATE TABLE importance_samples (
    namespace text COLLATE "C" NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('memory_log'),
    memory_id uuid NOT NULL,
    coord text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    importance float8 NOT NULL CHECK (importance > '-Infinity' AND importance < 'Infinity'),
    xid bigint NOT NULL,
    PRIMARY KEY (namespace, seq),
    UNIQUE (namespace, memory_id, version)
);

CREATE INDEX importance_samples_changed ON importance_samples (xid);

ALTER TABLE importance_samples ENABLE ROW LEVEL SECURITY;
ALTER TABLE importance_samples FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON importance_samples
    USING (current_setting('sfm.namespace', true) IN (namespace, '*'));
