-- What is owed to the vector index is taken by the time it is due, over all namespaces.
CREATE INDEX vector_wal_due ON vector_wal (due_at);
