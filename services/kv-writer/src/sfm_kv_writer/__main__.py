"""`python -m sfm_kv_writer`: foreign events from Kafka into PostgreSQL."""

import sys

from sfm_core.runtime.worker import run_service
from sfm_kv_writer import wiring
from sfm_kv_writer.settings import KvWriterSettings


def main() -> int:
    """Run the service; its exit code, see `run_service`."""
    return run_service(
        f"sfm-{wiring.SERVICE}",
        KvWriterSettings,
        wiring.run,
        life=lambda settings: settings.worker,
        require=["POSTGRES_URL", "KAFKA_BOOTSTRAP_SERVERS"],
    )


if __name__ == "__main__":
    sys.exit(main())
