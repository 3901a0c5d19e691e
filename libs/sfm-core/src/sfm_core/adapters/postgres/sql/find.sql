-- inside --
-- Live, unexpired memories of $2 axes between the corners $3 and $4, behind a cursor. At most $9 bytes.
-- include window large=payload small=text --
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM memories
WHERE namespace = $1 AND dims = $2::smallint AND deleted_at IS NULL
  AND (axes[1], id) > ($5::float8, $6::uuid)
  AND axes[1] <= ($4::float8[])[1]
  AND CASE WHEN dims > 1 THEN axes[2] ELSE 0 END
      BETWEEN coalesce(($3::float8[])[2], 0) AND coalesce(($4::float8[])[2], 0)
  AND CASE WHEN dims > 2 THEN axes[3] ELSE 0 END
      BETWEEN coalesce(($3::float8[])[3], 0) AND coalesce(($4::float8[])[3], 0)
  AND (axes[4] BETWEEN ($3::float8[])[4] AND ($4::float8[])[4]) IS NOT FALSE
  AND (axes[5] BETWEEN ($3::float8[])[5] AND ($4::float8[])[5]) IS NOT FALSE
  AND (axes[6] BETWEEN ($3::float8[])[6] AND ($4::float8[])[6]) IS NOT FALSE
  AND (axes[7] BETWEEN ($3::float8[])[7] AND ($4::float8[])[7]) IS NOT FALSE
  AND (axes[8] BETWEEN ($3::float8[])[8] AND ($4::float8[])[8]) IS NOT FALSE
  AND (axes[9] BETWEEN ($3::float8[])[9] AND ($4::float8[])[9]) IS NOT FALSE
  AND (axes[10] BETWEEN ($3::float8[])[10] AND ($4::float8[])[10]) IS NOT FALSE
  AND (axes[11] BETWEEN ($3::float8[])[11] AND ($4::float8[])[11]) IS NOT FALSE
  AND (axes[12] BETWEEN ($3::float8[])[12] AND ($4::float8[])[12]) IS NOT FALSE
  AND (axes[13] BETWEEN ($3::float8[])[13] AND ($4::float8[])[13]) IS NOT FALSE
  AND (axes[14] BETWEEN ($3::float8[])[14] AND ($4::float8[])[14]) IS NOT FALSE
  AND (axes[15] BETWEEN ($3::float8[])[15] AND ($4::float8[])[15]) IS NOT FALSE
  AND (axes[16] BETWEEN ($3::float8[])[16] AND ($4::float8[])[16]) IS NOT FALSE
  AND (expires_at IS NULL OR expires_at > $7::timestamptz)
ORDER BY axes[1], id
LIMIT $8
-- include windowed bytes=$9 --
;

-- ask --
-- Declare namespace and term for the rest of the transaction. Each search has a plan of its own:
-- what is best for a rare term is worst for a common one.
SELECT set_config('sfm.namespace', $1, true), set_config('sfm.pattern', $2, true),
       set_config('sfm.term', $3, true), set_config('pg_trgm.word_similarity_threshold', $4, true),
       set_config('plan_cache_mode', 'force_custom_plan', true);

-- literal --
-- Memories with the declared pattern; $6: those that also match the regular expression $5, or those that
-- do not; with $4 in the same case as $3 and $5 have it. The youngest first. At most $20 bytes.
-- include window large=payload small=text --
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at
FROM search_literal AS m
WHERE namespace = $1 AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2::timestamptz)
  AND (NOT $4::bool OR text LIKE $3)
  AND CASE WHEN $4 THEN text ~ $5 ELSE text ~* $5 END = $6::bool
  AND ($7::text IS NULL OR kind = $7)
  -- include admits joined=$8 paths=$9 operators=$10 operands=$11 rough=$12 sessions=$13 sources=$14 tags=$15 pinned=$16 least=$17 most=$18 --
ORDER BY created_at DESC, id DESC
LIMIT $19
-- include windowed bytes=$20 --
;

-- fuzzy --
-- Memories with something like the declared term, which is $3, but not with the pattern $4. The most alike first. At most $18 bytes.
-- include window large=payload small=text --
SELECT namespace, coord, id, version, position, kind, payload, text, text_given, importance, tags,
       session, source, occurred_at, expires_at, pinned, created_at, updated_at,
       word_similarity($3, text) AS similarity
FROM search_fuzzy AS m
WHERE namespace = $1 AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2::timestamptz)
  AND text NOT ILIKE $4
  AND ($5::text IS NULL OR kind = $5)
  -- include admits joined=$6 paths=$7 operators=$8 operands=$9 rough=$10 sessions=$11 sources=$12 tags=$13 pinned=$14 least=$15 most=$16 --
ORDER BY similarity DESC, created_at DESC, id DESC
LIMIT $17
-- include windowed bytes=$18 --
;
