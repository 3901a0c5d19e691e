-- Old receipts are found by their age, whatever their namespace (`sweep_receipts`).
CREATE INDEX idempotency_keys_aging ON idempotency_keys (created_at);
