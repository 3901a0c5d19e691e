"""Upkeep again and again, for as long as a process lives."""

import logging
from typing import Final

import anyio

from sfm_core.errors import SfmError
from sfm_core.upkeep.use_case import Upkeep

_LOG: Final = logging.getLogger(__name__)


async def every(upkeep: Upkeep, interval_s: float) -> None:
    """Do what is due in every namespace, the first time after one interval; until cancelled."""
    while True:
        await anyio.sleep(interval_s)
        try:
            await upkeep.run_all()
        except SfmError as error:
            _LOG.warning("upkeep.failed", extra={"kind": error.kind, "detail": error.detail})
