"""The stand-in for a Qdrant server: what the tests of the adapter rely on."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.servers.qdrant import TestQdrant, qdrant_or_skip

pytestmark = pytest.mark.integration

VECTORS = models.VectorParams(size=4, distance=models.Distance.COSINE)


def _client(url: str, **said: object) -> AsyncQdrantClient:
    return AsyncQdrantClient(url=url, check_compatibility=False, **said)  # type: ignore[arg-type]


def _point(id_: UUID, *, position: int) -> models.PointStruct:
    payload = {"namespace": "n", "position": position}
    return models.PointStruct(id=str(id_), vector=[1.0, 0.0, 0.0, float(position)], payload=payload)


def _below(position: int) -> models.Filter:
    condition = models.FieldCondition(key="position", range=models.Range(lt=position))
    return models.Filter(must=[condition])


async def test_acknowledged_points_survive_a_kill(own_qdrant: TestQdrant) -> None:
    ids = [uuid4() for _ in range(50)]
    client = _client(own_qdrant.url)
    await client.create_collection("c", vectors_config=VECTORS)
    await client.create_payload_index(
        "c",
        "namespace",
        models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    )
    await client.upsert("c", [_point(one, position=1) for one in ids], wait=True)
    own_qdrant.kill()
    own_qdrant.start()
    assert (await client.count("c")).count == 50
    kept = await client.get_collection("c")
    assert set(kept.payload_schema) == {"namespace"}
    await client.close()


async def test_an_older_position_does_not_overwrite_a_newer_one(qdrant_url: str) -> None:
    client, name, one = _client(qdrant_url), f"t{uuid4().hex}", uuid4()
    await client.create_collection(name, vectors_config=VECTORS)
    for position in (3, 5, 4):
        point = _point(one, position=position)
        await client.upsert(name, [point], update_filter=_below(position), wait=True)
    [kept] = await client.retrieve(name, [str(one)])
    assert kept.payload is not None
    assert kept.payload["position"] == 5
    await client.delete_collection(name)
    await client.close()


async def _count_of_none(client: AsyncQdrantClient, name: str) -> None:
    await client.count(f"{name}-not")


async def _another_dimension(client: AsyncQdrantClient, name: str) -> None:
    short = models.PointStruct(id=1, vector=[1.0], payload={})
    await client.upsert(name, [short], wait=True)


async def _twice(client: AsyncQdrantClient, name: str) -> None:
    await client.create_collection(name, vectors_config=VECTORS)


@pytest.mark.parametrize(
    ("call", "status"), [(_count_of_none, 404), (_another_dimension, 400), (_twice, 409)]
)
async def test_what_is_wrong_is_answered_as_the_server_does(
    qdrant_url: str, call: Callable[[AsyncQdrantClient, str], Awaitable[None]], status: int
) -> None:
    client, name = _client(qdrant_url), f"t{uuid4().hex}"
    await client.create_collection(name, vectors_config=VECTORS)
    with pytest.raises(UnexpectedResponse) as refused:
        await call(client, name)
    assert refused.value.status_code == status
    await client.delete_collection(name)
    await client.close()


async def test_a_key_is_asked_for() -> None:
    with qdrant_or_skip("--api-key", "right-key") as server:
        for headers, status in [({}, 401), ({"api-key": "wrong-key"}, 401)]:
            client = _client(server.url, headers=headers)
            with pytest.raises(UnexpectedResponse) as refused:
                await client.get_collections()
            assert refused.value.status_code == status
            await client.close()
        client = _client(server.url, headers={"api-key": "right-key"})
        assert (await client.get_collections()).collections == []
        await client.close()
