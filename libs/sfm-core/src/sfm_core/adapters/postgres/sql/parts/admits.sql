-- Whether a row of `memories` passes a filter: {joined} joins the truths of the comparisons in {paths},
-- {operators} and {operands}; null: no filter. What comes first is cheaper, and admits no less (`filter_terms`).
AND ({sessions}::text[] IS NULL OR session = ANY({sessions}))
AND ({sources}::text[] IS NULL OR source = ANY({sources}))
AND ({tags}::text[] IS NULL OR tags @> {tags})
AND ({pinned}::bool IS NULL OR pinned = {pinned})
AND ({least}::float8 IS NULL OR importance >= {least})
AND ({most}::float8 IS NULL OR importance <= {most})
AND ({rough}::jsonpath IS NULL OR jsonb_path_match(payload::jsonb, {rough}))
AND ({joined}::jsonpath IS NULL OR jsonb_path_match((
        SELECT coalesce(jsonb_agg(EXISTS (
            SELECT FROM (
                SELECT p.value
                FROM jsonb_path_query(
                    payload::jsonb, (CASE WHEN t.path LIKE '$%' THEN t.path END)::jsonpath, '{}', true
                ) AS p (value)
                UNION ALL
                SELECT CASE t.path
                    WHEN '@kind' THEN to_jsonb(kind)
                    WHEN '@tags' THEN to_jsonb(nullif(tags, '{}'))
                    WHEN '@session' THEN to_jsonb(session)
                    WHEN '@source' THEN to_jsonb(source)
                    WHEN '@importance' THEN to_jsonb(importance)
                    WHEN '@pinned' THEN to_jsonb(pinned)
                    WHEN '@created_at' THEN
                        to_jsonb((extract(epoch FROM created_at) * 1000000)::bigint)
                    WHEN '@updated_at' THEN
                        to_jsonb((extract(epoch FROM updated_at) * 1000000)::bigint)
                    WHEN '@occurred_at' THEN
                        to_jsonb(
                            (extract(epoch FROM coalesce(occurred_at, created_at)) * 1000000)::bigint
                        )
                END
            ) AS reached
            CROSS JOIN LATERAL (
                SELECT reached.value, false AS inside WHERE reached.value IS NOT NULL
                UNION ALL
                SELECT e.value, true FROM jsonb_array_elements(
                    CASE jsonb_typeof(reached.value) WHEN 'array' THEN reached.value ELSE '[]' END
                ) AS e
            ) AS candidate
            WHERE CASE
                WHEN t.operator = '$exists' THEN true
                WHEN t.operator = '$in' THEN EXISTS (
                    SELECT FROM jsonb_array_elements(t.operand) AS o WHERE o.value = candidate.value
                )
                WHEN t.operator = '$contains' AND jsonb_typeof(t.operand) = 'string' THEN
                    jsonb_typeof(candidate.value) = 'string'
                    AND strpos(candidate.value #>> '{}' COLLATE "C", t.operand #>> '{}') > 0
                WHEN t.operator = '$contains' THEN inside AND candidate.value = t.operand
                WHEN jsonb_typeof(candidate.value) <> jsonb_typeof(t.operand) THEN false
                WHEN jsonb_typeof(t.operand) = 'number' THEN CASE t.operator
                    WHEN '$gt' THEN candidate.value::numeric > t.operand::numeric
                    WHEN '$gte' THEN candidate.value::numeric >= t.operand::numeric
                    WHEN '$lt' THEN candidate.value::numeric < t.operand::numeric
                    ELSE candidate.value::numeric <= t.operand::numeric
                END
                ELSE CASE t.operator
                    WHEN '$gt' THEN candidate.value #>> '{}' COLLATE "C" > t.operand #>> '{}'
                    WHEN '$gte' THEN candidate.value #>> '{}' COLLATE "C" >= t.operand #>> '{}'
                    WHEN '$lt' THEN candidate.value #>> '{}' COLLATE "C" < t.operand #>> '{}'
                    ELSE candidate.value #>> '{}' COLLATE "C" <= t.operand #>> '{}'
                END
            END
        ) ORDER BY t.n), '[]')
        FROM unnest({paths}::text[], {operators}::text[], {operands}::jsonb[])
            WITH ORDINALITY AS t (path, operator, operand, n)
    ), {joined}::jsonpath))
