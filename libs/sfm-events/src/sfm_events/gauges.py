"""What a scrape sees of the relay and of consumers."""

from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_events.loop import ConsumerLoop
from sfm_events.relay import Relay


def show_relay(relay: Relay, telemetry: PrometheusTelemetry) -> None:
    telemetry.gauge("outbox_unsent_rows", lambda: relay.unsent)
    telemetry.gauge("outbox_oldest_age_seconds", lambda: relay.oldest_age_s)


def show_consumer(name: str, loop: ConsumerLoop, telemetry: PrometheusTelemetry) -> None:
    """`name` as the loop was given it."""
    telemetry.gauge("consumer_lag_records", lambda: loop.lag, consumer=name)
    telemetry.gauge("consumer_ready", lambda: float(loop.health.ready), consumer=name)
