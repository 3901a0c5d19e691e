-- The truth: memories, their vectors, the log, links, pending vector writes, receipts.
--
-- Every key starts with the namespace, so that tables can be partitioned by it. `xid` is the
-- transaction that wrote a row last; the change feed asks for rows by it (ADR 011). It is a
-- bigint and not xid8, because only bigint comparisons may use an index below row-level
-- security. Texts that are keys compare by code point ("C"): the same order in every locale.

CREATE SEQUENCE memory_log AS bigint;

CREATE TABLE namespaces (
    name text COLLATE "C" PRIMARY KEY,
    generation bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE namespaces IS
    'Locked first by each write: FOR KEY SHARE by one write, FOR NO KEY UPDATE by a batch, FOR UPDATE to erase';

CREATE TABLE memories (
    namespace text COLLATE "C" NOT NULL,
    coord text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    axes float8[] NOT NULL,
    dims smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('episodic', 'semantic')),
    payload json NOT NULL,
    text text NOT NULL,
    text_given bool NOT NULL,
    importance float8 NOT NULL CHECK (importance > '-Infinity' AND importance < 'Infinity'),
    tags text[] NOT NULL,
    session text,
    source text,
    occurred_at timestamptz,
    expires_at timestamptz,
    pinned bool NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    event_type text NOT NULL,
    content_key bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    xid bigint NOT NULL,
    PRIMARY KEY (namespace, coord),
    UNIQUE (namespace, id)
);
COMMENT ON COLUMN memories.position IS 'seq of the event that made this version';
COMMENT ON COLUMN memories.event_type IS 'type of the event that made this version';
COMMENT ON COLUMN memories.payload IS 'json, not jsonb: key order and the text of numbers survive';

CREATE INDEX memories_changed ON memories (xid);
CREATE INDEX memories_content ON memories (namespace, content_key) WHERE deleted_at IS NULL;
CREATE INDEX memories_listed ON memories (namespace, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE memory_vectors (
    namespace text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    model_revision text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    vector bytea NOT NULL,
    xid bigint NOT NULL,
    PRIMARY KEY (namespace, id, model_revision)
);
ALTER TABLE memory_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
COMMENT ON COLUMN memory_vectors.version IS 'version of the memory that was embedded; another one is stale';
COMMENT ON COLUMN memory_vectors.vector IS 'float32, little-endian';

CREATE INDEX memory_vectors_changed ON memory_vectors (xid);

CREATE TABLE memory_events (
    namespace text COLLATE "C" NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('memory_log'),
    event_id uuid NOT NULL,
    memory_id uuid NOT NULL,
    coord text COLLATE "C" NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    importance float8,
    body json,
    xid bigint NOT NULL,
    sent_at timestamptz,
    PRIMARY KEY (namespace, seq),
    UNIQUE (namespace, event_id)
);
COMMENT ON COLUMN memory_events.body IS 'state of the memory after the event; null after a deletion';
COMMENT ON COLUMN memory_events.importance IS 'what the event tells the normaliser; null when nothing';

CREATE INDEX memory_events_changed ON memory_events (xid);

CREATE TABLE links (
    namespace text COLLATE "C" NOT NULL,
    from_id uuid NOT NULL,
    to_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    weight float8 NOT NULL CHECK (weight > 0 AND weight < 'Infinity'),
    version bigint NOT NULL,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    xid bigint NOT NULL,
    PRIMARY KEY (namespace, from_id, to_id, type)
);

CREATE INDEX links_changed ON links (xid);

CREATE TABLE vector_wal (
    namespace text COLLATE "C" NOT NULL,
    memory_id uuid NOT NULL,
    version bigint NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, memory_id)
);

CREATE TABLE idempotency_keys (
    namespace text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    outcomes json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, key)
);

-- Tenants cannot meet: what a connection sees is what it has declared, and nothing before that.
DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY
        ARRAY['memories', 'memory_vectors', 'memory_events', 'links', 'vector_wal', 'idempotency_keys']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (current_setting(''sfm.namespace'', true) IN (namespace, ''*''))',
            tenant_table
        );
    END LOOP;
END
$$;
