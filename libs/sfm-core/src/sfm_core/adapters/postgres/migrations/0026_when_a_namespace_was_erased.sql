-- The last erasure of a namespace is asked for by each batch of foreign events (`last_erasure`).
CREATE INDEX memory_events_erased ON memory_events (namespace, seq) WHERE type = 'erased';
