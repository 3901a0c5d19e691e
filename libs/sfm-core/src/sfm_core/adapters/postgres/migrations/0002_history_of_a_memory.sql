-- A memory's versions are asked for by its id.
CREATE INDEX memory_events_of_memory ON memory_events (namespace, memory_id, version);
