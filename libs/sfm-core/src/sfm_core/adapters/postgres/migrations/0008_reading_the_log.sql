-- Reading the log in order while it is written to (ADR 125).

-- A transaction that is about to draw positions shows how far the log was before it drew any: as
-- a shared advisory lock that names the namespace (by a hash) and the position (its low 31 bits).
-- Such locks hinder nobody and end with the transaction, after its rows can be seen.
CREATE FUNCTION announce_positions(tenant text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock_shared(
        hashtext(tenant),
        (SELECT CASE WHEN is_called THEN last_value & 2147483647 ELSE 0 END FROM memory_log)::integer
    );
$$;

-- The highest position of which it is known that no transaction under way will bring it, or a lower
-- one, into this namespace. The head of the log is read before the locks are.
CREATE FUNCTION log_horizon(tenant text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    head bigint;
    announced bigint;
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO head FROM memory_log;
    SELECT min(head - ((head - objid::bigint) & 2147483647)) INTO announced
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid::bigint = hashtext(tenant)::bigint & 4294967295;
    RETURN least(head, announced);
END
$$;
