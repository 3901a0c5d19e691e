"""`python -m sfm_api`: REST over the PostgreSQL that `POSTGRES_URL` names."""

import sys
from typing import Final

from sfm_api import wiring
from sfm_api.settings import ServiceSettings
from sfm_core.runtime.worker import run_service

SERVICE: Final = "sfm-api"


def main() -> int:
    """Run the service; for the exit codes see `run_service`."""
    return run_service(
        SERVICE,
        ServiceSettings,
        wiring.run,
        life=lambda settings: settings.http,
        require=["POSTGRES_URL"],
    )


if __name__ == "__main__":
    sys.exit(main())
