-- Groups that read the log of all namespaces, one member at a time (ADR 184). No tenant's table: it
-- holds positions and who reads, nothing of anybody's.
CREATE TABLE log_groups (
    name text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    owner uuid,
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- As `log_horizon`, over all namespaces: the highest position of which it is known that no
-- transaction under way will bring it, or a lower one.
CREATE FUNCTION log_horizon_of_all() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    head bigint;
    announced bigint;
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO head FROM memory_log;
    SELECT min(head - ((head - objid::bigint) & 2147483647)) INTO announced
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    RETURN least(head, announced);
END
$$;
