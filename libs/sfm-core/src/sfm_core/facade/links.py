"""The facade's calls about links."""

from sfm_core import decode
from sfm_core.facade.inputs import At, coordinate_of, judged, receipt_of, text_of
from sfm_core.facade.opened import Opened
from sfm_core.model import DEFAULT_LINK_TYPE, Linked, NeighborPage, Path, Unlinked


class Links(Opened):
    """Link, unlink, neighbours, paths."""

    async def link(
        self,
        origin: At,
        target: At,
        *,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> Linked:
        """Link two memories (`type`, `weight`), or give their link of this type another weight.

        Raises:
            InvalidInput: with the path of every fault; nothing was linked.
            NotFound: no memory lives at one of the ends.
            Unavailable: the store does not answer.
        """
        ends = {"from": _numbers(origin), "to": _numbers(target)}
        raw = judged({**ends, **fields})
        receipt = receipt_of(idempotency_key, "link", None, raw)
        return await self.runtime.graph.link(self.namespace, decode.link(raw), receipt=receipt)

    async def unlink(
        self,
        origin: At,
        target: At,
        *,
        type: str = DEFAULT_LINK_TYPE,  # noqa: A002 - the contract's name
        idempotency_key: str | None = None,
    ) -> Unlinked:
        """End a link; again, or where there never was one, is fine.

        Raises:
            NotFound: nothing was ever stored at one of the ends.
        """
        asked = {"from": text_of(origin), "to": text_of(target), "type": type}
        key = decode.link_key(asked)
        receipt = receipt_of(idempotency_key, "unlink", None, asked)
        return await self.runtime.graph.unlink(self.namespace, key, receipt=receipt)

    async def path(self, origin: At, target: At, **asked: str | int) -> Path:
        """The strongest way along links: `type min_position`, as in REST; empty when there is none.

        Raises:
            NotFound: no memory lives at one of the ends.
        """
        named = {name: str(value) for name, value in asked.items()}
        query = decode.path_query({**named, "from": text_of(origin), "to": text_of(target)})
        return await self.runtime.graph.path(self.namespace, query)

    async def neighbors(self, coordinate: At, **asked: str | int) -> NeighborPage:
        """A page, the strongest first: `type direction limit cursor`, as in REST.

        Raises:
            NotFound: no memory lives there.
        """
        at = coordinate_of(coordinate)
        query = decode.neighbor_query({name: str(value) for name, value in asked.items()})
        return await self.runtime.graph.neighbors(self.namespace, at, query)


def _numbers(at: At) -> list[int | float]:
    return coordinate_of(at).numbers()
