"""Erasing over HTTP."""

from sfm_api.credentials import Access, Principal
from tests.unit.sfm_api.api_client import TEA, running


class WriterToken:
    async def principal(self, token: bytes) -> Principal | None:
        return Principal(name="writer", access=frozenset({Access.READ, Access.WRITE}))


async def test_a_namespace_is_erased_with_a_receipt_and_again() -> None:
    async with running() as client:
        await client.put("/v1/a/memories/1", json=TEA, headers={"Idempotency-Key": "k"})
        await client.put("/v1/b/memories/1", json=TEA)
        first = await client.delete("/v1/a")
        again = await client.delete("/v1/a")
        removed = {one["store"]: one["removed"] for one in first.json()["stores"]}
        assert (first.status_code, again.status_code) == (200, 200)
        assert removed["memories"] == removed["vectors"] == removed["receipts"] == 1
        assert first.json()["complete"] is True
        assert {one["removed"] for one in again.json()["stores"]} == {0}
        assert (await client.get("/v1/a/memories/1")).status_code == 404
        assert (await client.get("/v1/namespaces")).json() == {"namespaces": ["b"]}
        events = (await client.get("/v1/a/events")).json()["events"]
        assert [event["type"] for event in events] == ["erased", "erased"]
        assert events[0]["position"] == first.json()["position"]
        stored = await client.put("/v1/a/memories/1", json=TEA, headers={"Idempotency-Key": "k"})
        assert (stored.status_code, stored.json()["version"]) == (201, 1)


async def test_only_an_admin_may_erase() -> None:
    async with running(credentials=WriterToken()) as client:
        await client.put("/v1/a/memories/1", json=TEA)
        assert (await client.delete("/v1/a")).status_code == 403
        assert (await client.get("/v1/a/memories/1")).status_code == 200
