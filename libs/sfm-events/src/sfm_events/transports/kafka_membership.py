"""As what a source takes part in a group, and the client that does so."""

from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from sfm_events.transports.kafka_connection import KafkaConnection

REBALANCE_S: Final = 20.0
"""How long the group waits for a member to come back to a new assignment."""
REQUEST_S: Final = REBALANCE_S + 5.0
"""A request to join is answered only when all have come."""
RETRY_MS: Final = 200
METADATA_MS: Final = 3_000
"""How soon a topic that was made anew is found."""
FETCH_BYTES: Final = 16 * 1024 * 1024
"""Held at most of one broker's answer, compressed; a larger record comes alone."""
_BEATS: Final = 3
"""Heartbeats per session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    group: str
    topics: tuple[str, ...]
    instance_id: str | None = None
    """Of this process alone, over restarts; its partitions then wait for it to come back."""
    session_s: float = 10.0
    """After so much silence the others take over."""


def make_consumer(connection: KafkaConnection, membership: Membership) -> AIOKafkaConsumer:
    """A client that is not started and subscribes to nothing yet. Nothing commits by itself, and
    what another producer's transaction took back is not read.
    """
    session_ms = int(membership.session_s * 1000)
    return AIOKafkaConsumer(
        bootstrap_servers=list(connection.servers),
        group_id=membership.group,
        group_instance_id=membership.instance_id,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        partition_assignment_strategy=(StickyPartitionAssignor,),
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // _BEATS,
        rebalance_timeout_ms=int(REBALANCE_S * 1000),
        request_timeout_ms=int(REQUEST_S * 1000),
        fetch_max_bytes=FETCH_BYTES,
        retry_backoff_ms=RETRY_MS,
        metadata_max_age_ms=METADATA_MS,
        **connection.arguments,
    )
