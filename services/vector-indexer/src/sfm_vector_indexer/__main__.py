"""`python -m sfm_vector_indexer`: embeds and indexes what memory.events brings."""

import sys

from sfm_core.runtime.worker import run_service
from sfm_vector_indexer import wiring
from sfm_vector_indexer.settings import VectorIndexerSettings


def main() -> int:
    """Run the service; its exit code, see `run_service`."""
    return run_service(
        f"sfm-{wiring.SERVICE}",
        VectorIndexerSettings,
        wiring.run,
        life=lambda settings: settings.worker,
        require=["POSTGRES_URL"],
    )


if __name__ == "__main__":
    sys.exit(main())
