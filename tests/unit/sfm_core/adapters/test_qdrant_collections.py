"""Collections are made once, searches end, and a server without conditional writes is refused."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from qdrant_client import AsyncQdrantClient

from sfm_core.adapters.qdrant import searching
from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.errors import Misconfigured
from sfm_core.filters import parse
from sfm_core.testing.contracts_vectors import DIM, a_point, a_query, a_vector

pytestmark = pytest.mark.filterwarnings(
    "ignore:Local mode", "ignore:Payload indexes have no effect"
)


@pytest.fixture
async def client() -> AsyncIterator[AsyncQdrantClient]:
    client = AsyncQdrantClient(":memory:")
    yield client
    await client.close()


def over(client: AsyncQdrantClient, **said: Any) -> QdrantVectors:
    link = QdrantLink(client, budget_s=20.0)
    return QdrantVectors(link, Collections(link, shared="c", **said))


async def test_many_first_writes_make_a_collection_once(
    client: AsyncQdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    create = AsyncQdrantClient.create_collection

    async def counted(self: AsyncQdrantClient, name: str, **said: Any) -> bool:
        made.append(name)
        await anyio.sleep(0.01)
        return await create(self, name, **said)

    monkeypatch.setattr(AsyncQdrantClient, "create_collection", counted)
    vectors = over(client)
    await vectors.prepare(dim=DIM)
    async with anyio.create_task_group() as tasks:
        for number in range(1, 9):
            tasks.start_soon(vectors.put, "a", [a_point("a", number)])
    assert sorted(made) == ["c", "c.a"]


async def test_a_server_that_passes_over_the_fence_is_refused(
    client: AsyncQdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = AsyncQdrantClient.upsert

    async def unconditional(self: AsyncQdrantClient, *given: Any, **said: Any) -> Any:
        del said["update_filter"]
        return await upsert(self, *given, **said)

    await over(client).prepare(dim=DIM)
    assert (await client.count("c")).count == 0
    monkeypatch.setattr(AsyncQdrantClient, "upsert", unconditional)
    with pytest.raises(Misconfigured, match=r"Qdrant 1\.16"):
        await over(client).prepare(dim=DIM)
    assert (await client.count("c")).count == 0


async def test_what_a_later_life_wrote_is_not_dropped_with_the_one_before(
    client: AsyncQdrantClient,
) -> None:
    vectors = over(client)
    await vectors.prepare(dim=DIM)
    await vectors.put("a", [a_point("a", 1), a_point("a", 9)])
    assert await vectors.forget("a", position=5) == 1
    assert (await client.count("c.a")).count == 1


async def test_a_search_ends_when_it_has_looked_at_so_many(
    client: AsyncQdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all candidates are a tie, and where hardly one is admitted."""
    monkeypatch.setattr(searching, "MOST", 40)
    vectors, asked = over(client, own=False), list[int]()
    await vectors.prepare(dim=DIM)
    same = a_vector(5)
    await vectors.put("a", [a_point("a", number, vector=same) for number in range(1, 101)])
    query = AsyncQdrantClient.query_points

    async def counted(self: AsyncQdrantClient, *given: Any, **said: Any) -> Any:
        asked.append(said["limit"])
        return await query(self, *given, **said)

    monkeypatch.setattr(AsyncQdrantClient, "query_points", counted)
    assert len(await vectors.search("a", a_query(limit=3))) == 3
    assert asked == [19, 40]
    await vectors.search("a", a_query(limit=3, filter=parse({"n": 1_000})))
    assert max(asked) == 40
