-- Candidates by words, for recalls of namespaces that have no view in memory. As in 0004 the condition is
-- part of a policy, because full-text operators are not leakproof: below row-level security they may use an
-- index only there. The table holds nothing; `memories` inherits from it.

CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE INDEX memories_words ON memories USING gin (namespace, to_tsvector('english', text))
    WITH (gin_pending_list_limit = 512) WHERE deleted_at IS NULL;

CREATE TABLE search_words (LIKE memories);
ALTER TABLE memories INHERIT search_words;
ALTER TABLE search_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_words FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant_and_words ON search_words FOR SELECT USING (
    namespace = current_setting('sfm.namespace', true)
    AND to_tsvector('english', text) @@ current_setting('sfm.words', true)::tsquery
);
COMMENT ON TABLE search_words IS 'Empty; memories whose text shares a word with `sfm.words` (a tsquery), by the index memories_words';
