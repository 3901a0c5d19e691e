-- ask_words --
-- Declare namespace, the question's words (any of them is enough) and the question for the rest of the
-- transaction; gives the words.
SELECT set_config('sfm.namespace', $1, true), set_config('sfm.term', $2, true),
       set_config('pg_trgm.word_similarity_threshold', $3, true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('sfm.words', replace(plainto_tsquery('english', $2)::text, ' & ', ' | '), true) AS words;

-- by_words --
-- Memories that share a word of the declared ones, $12; those with most and rarest first.
SELECT id
FROM search_words AS m
WHERE namespace = $1 AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2::timestamptz)
  AND ($3::text IS NULL OR kind = $3)
  AND ($4::timestamptz IS NULL OR coalesce(occurred_at, created_at) >= $4)
  AND ($5::timestamptz IS NULL OR coalesce(occurred_at, created_at) < $5)
  AND ($6::float8[] IS NULL OR dims = cardinality($6) AND NOT EXISTS (
        SELECT FROM unnest(axes, $6, $7::float8[]) AS t (axis, low, high)
        WHERE axis NOT BETWEEN low AND high
  ))
  -- include admits joined=$8 paths=$9 operators=$10 operands=$11 rough=null sessions=null sources=null tags=null pinned=null least=null most=null --
ORDER BY ts_rank(to_tsvector('english', text), $12::text::tsquery) DESC, created_at DESC, id
LIMIT $13;

-- alike --
-- Memories with a stretch of letters like the declared question, $12; the most alike first.
SELECT id
FROM search_fuzzy AS m
WHERE namespace = $1 AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2::timestamptz)
  AND ($3::text IS NULL OR kind = $3)
  AND ($4::timestamptz IS NULL OR coalesce(occurred_at, created_at) >= $4)
  AND ($5::timestamptz IS NULL OR coalesce(occurred_at, created_at) < $5)
  AND ($6::float8[] IS NULL OR dims = cardinality($6) AND NOT EXISTS (
        SELECT FROM unnest(axes, $6, $7::float8[]) AS t (axis, low, high)
        WHERE axis NOT BETWEEN low AND high
  ))
  -- include admits joined=$8 paths=$9 operators=$10 operands=$11 rough=null sessions=null sources=null tags=null pinned=null least=null most=null --
ORDER BY word_similarity($12, text) DESC, created_at DESC, id
LIMIT $13;
