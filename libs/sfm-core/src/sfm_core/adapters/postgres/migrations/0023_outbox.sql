-- What the relay asks of the log: the events that no transport has taken, the lowest first, and the
-- trace of the request that wrote each (W3C traceparent), which goes with it.
--
-- Where nobody relays, every event stays in the index, which then grows at its right end by about
-- 20 bytes for each (ADR 181).
ALTER TABLE memory_events ADD COLUMN trace text;
CREATE INDEX memory_events_unsent ON memory_events (seq) WHERE sent_at IS NULL;
