-- The rows of a page, up to `windowed`: no more than the one that passes its bytes of {large} and {small}.
-- What is packed is hardly longer than what it unpacks to: counted first, it spares unpacking all rows.
SELECT * FROM (
    SELECT fitting.*, sum(coalesce(octet_length({large}::text), 0) + octet_length({small}))
        OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT counted.*, sum(coalesce(pg_column_size({large}), 0) + pg_column_size({small}))
            OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS packed
        FROM (
            SELECT found.*, row_number() OVER () AS n, count(*) OVER () AS there FROM (
