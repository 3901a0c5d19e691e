-- Links are asked for from either end; the primary key serves the origin.
CREATE INDEX links_to ON links (namespace, to_id, from_id, type) WHERE deleted_at IS NULL;
