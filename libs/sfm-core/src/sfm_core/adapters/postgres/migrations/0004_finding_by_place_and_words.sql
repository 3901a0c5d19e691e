-- Finding by words. pg_trgm's operators are not leakproof, so below row-level security they may not use an
-- index: the tenant's policy has to be checked first, on every row. A condition inside a policy may, so here
-- the term is part of one: whoever reads memories through `search_literal` or `search_fuzzy` gets those of the
-- declared namespace that match the declared term. The tables hold nothing; `memories` inherits from them
-- (docs/adr/105). They are read only: their policies are for SELECT, and without one nothing may be written.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE INDEX memories_trigrams ON memories USING gin (namespace, text gin_trgm_ops)
    WITH (gin_pending_list_limit = 512) WHERE deleted_at IS NULL;

CREATE TABLE search_literal (LIKE memories);
CREATE TABLE search_fuzzy (LIKE memories);
ALTER TABLE memories INHERIT search_literal;
ALTER TABLE memories INHERIT search_fuzzy;

ALTER TABLE search_literal ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_literal FORCE ROW LEVEL SECURITY;
ALTER TABLE search_fuzzy ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_fuzzy FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant_and_term ON search_literal FOR SELECT USING (
    namespace = current_setting('sfm.namespace', true)
    AND text ILIKE current_setting('sfm.pattern', true)
);
CREATE POLICY tenant_and_term ON search_fuzzy FOR SELECT USING (
    namespace = current_setting('sfm.namespace', true)
    AND text %> current_setting('sfm.term', true)
);
COMMENT ON TABLE search_literal IS 'Empty; memories whose text has `sfm.pattern` (of ILIKE), by the index memories_trigrams';
COMMENT ON TABLE search_fuzzy IS 'Empty; memories whose text is like `sfm.term`, by the index memories_trigrams';

-- Finding by place: in the order of the answer, with the next axes at hand, so that what lies
-- outside them is passed over without reading its row. (CASE may use an index below row-level security;
-- coalesce may not.)
CREATE INDEX memories_placed ON memories
    (namespace, dims, (axes[1]), id,
     (CASE WHEN dims > 1 THEN axes[2] ELSE 0 END), (CASE WHEN dims > 2 THEN axes[3] ELSE 0 END))
    WHERE deleted_at IS NULL;
