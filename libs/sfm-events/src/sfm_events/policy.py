"""How a consumer loop goes about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPolicy:
    """How much at once, how long, how often."""

    max_records: int = 500
    """Of one fetch."""
    max_bytes: int = 16 * 1024 * 1024
    """Of one batch; a single larger record is a batch of its own."""
    poll_s: float = 0.25
    """How long a fetch waits for records: so long a stop can go unnoticed."""
    first_backoff_s: float = 0.1
    max_backoff_s: float = 5.0
    drain_s: float = 10.0
    """What is in hand when the stop comes is given so long."""
    dlq_limit: int = 100
    """Dead letters in a row, without one good record between, after which it halts."""
    lags_every_s: float = 5.0
