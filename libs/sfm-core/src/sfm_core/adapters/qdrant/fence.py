"""Whether the server keeps to a condition on a write: older ones pass over it in silence."""

from typing import Final
from uuid import uuid4

from qdrant_client import models

from sfm_core.adapters.qdrant.link import QdrantLink, Refused
from sfm_core.adapters.qdrant.payloads import KIND, POSITION, at_most
from sfm_core.errors import Misconfigured

PROBE: Final = "probe"
"""Kind of a point that is there for as long as the trial takes, in no namespace."""
_SAID: Final = (
    "this Qdrant does not judge the condition of a conditional write (update_filter), without "
    "which an older version would replace a newer one: SFM needs Qdrant 1.16 or later"
)


async def check_fence(link: QdrantLink, name: str, dim: int) -> None:
    """Try to replace a point by an older one.

    Raises:
        Misconfigured: the server did it.
        Unavailable: it does not answer.
    """
    id_ = str(uuid4())

    async def put(position: int) -> None:
        payload = {KIND: PROBE, POSITION: position}
        point = models.PointStruct(id=id_, vector=[0.0] * dim, payload=payload)
        fence = models.Filter(must=[at_most(position)])
        await link.call(
            "prepare", lambda client: client.upsert(name, [point], wait=True, update_filter=fence)
        )

    try:
        await put(2)
        await put(1)
        found = await link.call(
            "prepare", lambda client: client.retrieve(name, [id_], with_payload=[POSITION])
        )
    except Refused as error:
        raise Misconfigured(_SAID) from error
    finally:
        await link.call("prepare", lambda client: client.delete(name, [id_], wait=True))
    if [(point.payload or {}).get(POSITION) for point in found] != [2]:
        raise Misconfigured(_SAID)
