"""The facade's calls about what becomes of memories."""

from collections.abc import Iterable, Mapping

from sfm_core import decode
from sfm_core.facade.inputs import At, condition_of, coordinate_of, judged, receipt_of
from sfm_core.facade.opened import Opened
from sfm_core.model import DeletedMany, History, Precondition, Stored, Wait


class Lifecycles(Opened):
    """Patch, history, restore, delete many."""

    async def patch(
        self,
        coordinate: At,
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
        **changes: object,
    ) -> Stored:
        """Change `importance`, `pinned`, `tags`, `expires_at`, `payload`; the rest stays.

        `payload` is a merge patch (RFC 7396): None removes a key. `expires_at=None` takes the
        time of expiry away. A patch that changes nothing writes nothing.

        Raises:
            NotFound: no memory lives there.
            InvalidInput, PreconditionFailed, Unavailable: as `store`.
            Conflict: others kept changing the same memory.
        """
        at, raw = coordinate_of(coordinate), judged(changes)
        return await self.runtime.lifecycle.patch(
            self.namespace,
            at,
            decode.memory_patch(raw),
            precondition=condition_of(precondition),
            receipt=receipt_of(idempotency_key, "patch", at.text, raw),
            wait=decode.wait(wait),
        )

    async def history(
        self, coordinate: At, *, limit: int | None = None, before: int | None = None
    ) -> History:
        """The versions of the memory there, newest first, ends included; a page at a time.

        Raises:
            NotFound: nothing was ever stored there.
        """
        given = {"limit": limit, "before": before}
        asked = {name: str(value) for name, value in given.items() if value is not None}
        return await self.runtime.lifecycle.history(
            self.namespace, coordinate_of(coordinate), decode.history_query(asked)
        )

    async def restore(
        self,
        coordinate: At,
        version: int,
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
    ) -> Stored:
        """Make an older version the newest; also undoes a deletion.

        Raises:
            NotFound: there is no such version.
            InvalidInput: that version is the memory's end.
            PreconditionFailed, Unavailable: as `store`.
        """
        at, raw = coordinate_of(coordinate), judged({"version": version})
        return await self.runtime.lifecycle.restore(
            self.namespace,
            at,
            decode.restored_version(raw),
            precondition=condition_of(precondition),
            receipt=receipt_of(idempotency_key, "restore", at.text, raw),
            wait=decode.wait(wait),
        )

    async def delete_many(
        self,
        coordinates: Iterable[At] | None = None,
        *,
        filter: Mapping[str, object] | None = None,  # noqa: A002 - as in REST
        all: bool = False,  # noqa: A002 - as in REST
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
    ) -> DeletedMany:
        """Delete those at up to 1000 coordinates, or those a filter admits, or all.

        Exactly one of the three; a filter that admits everything is refused.

        Raises:
            InvalidInput: with the path of every fault; nothing was deleted.
            Conflict: others kept changing memories that the filter admits.
        """
        asked: dict[str, object] = {}
        if coordinates is not None:
            asked["coordinates"] = [coordinate_of(at).numbers() for at in coordinates]
        if filter is not None:
            asked["filter"] = filter
        if all:
            asked["all"] = True
        raw = judged(asked)
        return await self.runtime.lifecycle.delete_many(
            self.namespace,
            decode.selection(raw),
            receipt=receipt_of(idempotency_key, "delete_many", None, raw),
            wait=decode.wait(wait),
        )
