-- What relays hold at the moment: a row for each claim, for as long as it publishes (ADR 205). No
-- tenant's table: it holds ids, nothing of anybody's.
CREATE TABLE outbox_claims (
    id uuid PRIMARY KEY,
    memories uuid[] NOT NULL,
    until timestamptz NOT NULL
);
COMMENT ON COLUMN outbox_claims.memories IS
    'whose events are held: all others of theirs come after those that are claimed';

-- Announced positions are told from other two-key advisory locks of the database by the high twelve
-- bits of the first key, its other twenty are of the namespace. Two namespaces with the same only
-- wait for each other. No writer is at work while the two forms meet: each holds a row of `namespaces`.
LOCK TABLE namespaces IN EXCLUSIVE MODE;

CREATE FUNCTION announced_by(tenant text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT (1523 << 20) | (hashtext(tenant) & 1048575) $$;

CREATE OR REPLACE FUNCTION announce_positions(tenant text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock_shared(
        announced_by(tenant),
        (SELECT CASE WHEN is_called THEN last_value & 2147483647 ELSE 0 END FROM memory_log)::integer
    );
$$;

CREATE OR REPLACE FUNCTION log_horizon(tenant text) RETURNS bigint
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
      AND classid::bigint = announced_by(tenant);
    RETURN least(head, announced);
END
$$;

CREATE OR REPLACE FUNCTION log_horizon_of_all() RETURNS bigint
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
      AND classid::bigint >> 20 = 1523;
    RETURN least(head, announced);
END
$$;
