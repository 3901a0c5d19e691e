"""Collections of erased namespaces are gone, in a server that other processes write to."""

from uuid import uuid4

import pytest

from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Address, QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.testing.contracts_vectors import DIM, a_point

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("own_later", [True, False])
async def test_an_erased_namespace_leaves_no_collection(
    qdrant_url: str, *, own_later: bool
) -> None:
    name = f"c{uuid4().hex[:8]}"
    async with QdrantLink.open(Address(url=qdrant_url), budget_s=20.0) as link:
        before, after = (
            QdrantVectors(link, Collections(link, shared=name, own=own))
            for own in (True, own_later)
        )
        for one in (before, after):
            await one.prepare(dim=DIM)
        await before.put("a", [a_point("a", 1), a_point("a", 2)])
        assert await after.forget("a", position=5) == 2
        assert await after.forget("b", position=5) == 0
        listed = await link.call("get", lambda client: client.get_collections())
        assert [one.name for one in listed.collections if one.name.startswith(name)] == [name]
        await before.put("a", [a_point("a", 7)])  # it finds out that its collection is gone
        counted = await link.call("count", lambda client: client.count(f"{name}.a"))
        assert (counted.count, await before.held("a")) == (1, 1)
