"""Erasing a namespace for good, with a receipt."""

import logging
from collections.abc import Callable, Mapping
from typing import Final, final

from sfm_core.errors import SfmError
from sfm_core.generations import Generations
from sfm_core.model import Erased, ErasureReceipt, StoreErased
from sfm_core.ports import Eraser, Jobs, Projection

_LOG: Final = logging.getLogger(__name__)


@final
class Erase:
    """Erases the truth first, then what was derived from it in this process and beside it.

    Other processes learn of it by the next poll of their change feed, and drop their views then;
    they show nothing of them before, as hits are read from the record store.
    """

    def __init__(
        self,
        *,
        eraser: Eraser,
        projections: Mapping[str, Projection],
        generations: Generations,
        jobs: Jobs,
        wake: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._eraser = eraser
        self._projections = projections
        self._generations = generations
        self._jobs = jobs
        self._wake = wake

    async def erase(self, namespace: str) -> ErasureReceipt:
        """Remove all that is known of a namespace; once begun it is finished.

        What was begun before and is not committed yet is refused with `Conflict`. What is written
        to the same name afterwards begins anew, with version 1.

        Raises:
            Unavailable: the store does not answer; whether it was erased is unknown. Again is fine.
        """
        return await self._jobs.run(lambda: self._erase(namespace))

    async def _erase(self, namespace: str) -> ErasureReceipt:
        erased = await self._eraser.erase(namespace)
        # before any view is dropped: from here on nothing older is shown to the next one
        self._generations.note(namespace, erased.generation)
        dropped = [
            await _dropped(name, one, erased, namespace) for name, one in self._projections.items()
        ]
        self._wake(namespace)
        return ErasureReceipt(
            namespace=namespace,
            generation=erased.generation,
            position=erased.position,
            event_id=erased.event_id,
            at=erased.at,
            stores=(*erased.stores, *dropped),
        )


async def _dropped(
    name: str, projection: Projection, erased: Erased, namespace: str
) -> StoreErased:
    try:
        removed = await projection.forget(namespace, position=erased.position)
        left = await projection.held(namespace)
    except SfmError as error:  # the truth is gone already: what is left is told, and swept later
        _LOG.warning("erase.unfinished", extra={"store": name, "detail": error.detail})
        return StoreErased(store=name, removed=0, left=None)
    return StoreErased(store=name, removed=removed, left=left)
