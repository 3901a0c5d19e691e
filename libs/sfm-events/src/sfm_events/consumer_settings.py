"""Settings of every process that consumes events."""

from dataclasses import dataclass

from sfm_core.runtime.settings import setting
from sfm_events.policy import LoopPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    dlq_limit: int = setting(
        "SFM_DLQ_LIMIT",
        default=LoopPolicy().dlq_limit,
        low=0,
        doc="Dead letters in a row, without one good record, after which a consumer halts.",
    )
    max_records: int = setting(
        "SFM_CONSUMER_MAX_RECORDS",
        default=LoopPolicy().max_records,
        low=1,
        high=10_000,
        doc="Records that a consumer fetches at once.",
    )

    def policy(self, *, drain_s: float) -> LoopPolicy:
        """`drain_s`: what the batch in hand is given after a stop."""
        return LoopPolicy(dlq_limit=self.dlq_limit, max_records=self.max_records, drain_s=drain_s)
