            ) AS found
        ) AS counted
    ) AS fitting
    WHERE coalesce(packed, 0) < {bytes}::bigint
) AS page
WHERE coalesce(before, 0) < {bytes}::bigint
ORDER BY n
