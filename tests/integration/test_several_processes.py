"""Two API processes over one PostgreSQL and one Redis are one service: driven over HTTP only.

Nothing here waits for a fixed time: a recall with `min_position` is answered once the process
has seen that write, and what nobody names a position for is asked for until it is there.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from itertools import count, product
from typing import Any

import anyio
import httpx
import pytest

from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED, TEA

pytestmark = pytest.mark.integration

SOON_S = 10.0
"""By far enough for what takes a feed interval, on a busy machine too."""
AGAIN = {"payload": {"said": "Ada drinks green tea again"}}
LIMIT = 30

type Pair = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture(scope="module")
def urls(module_database: str, redis_url: str) -> Iterator[Sequence[str]]:
    env = environment(
        POSTGRES_URL=module_database,
        REDIS_URL=redis_url,
        SFM_READ_CACHE="1",
        SOMA_RATE_LIMIT_MAX="0",
    )
    with ExitStack() as stack:
        yield [stack.enter_context(started(env)).url for _ in range(2)]


@asynccontextmanager
async def clients(urls: Sequence[str], **said: str) -> AsyncGenerator[Pair]:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=AUTHORIZED | said, timeout=SOON_S)
            )
            for url in urls
        ]
        yield one, other


_names = (f"several-{n}" for n in count())


@pytest.fixture
def namespace() -> str:
    return next(_names)


async def put(client: httpx.AsyncClient, path: str, body: object = TEA, **said: str) -> int:
    """The position of a write."""
    answer = await client.put(path, json=body, headers=said)
    assert answer.status_code in (200, 201), answer.text
    return int(answer.headers["Sfm-Position"])


async def recalled(client: httpx.AsyncClient, namespace: str, **asked: Any) -> list[Any]:
    body = {"query": "green tea", "top_k": 50, **asked}
    answer = await client.post(f"/v1/{namespace}/recall", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["degraded"] == []
    return list(answer.json()["hits"])


def lifted(hits: Sequence[Any]) -> list[Any]:
    """Coordinates of what the graph leg lifted."""
    return [hit["coordinate"] for hit in hits if hit["explain"]["parts"].get("graph", 0.0) > 0.0]


async def test_a_write_of_one_process_is_recalled_by_the_other_without_being_asked_for(
    urls: Sequence[str], namespace: str
) -> None:
    async with clients(urls) as (here, there):
        await put(here, f"/v1/{namespace}/memories/1")
        assert len(await recalled(there, namespace)) == 1
        await put(here, f"/v1/{namespace}/memories/2")
        with anyio.fail_after(SOON_S):
            while len(await recalled(there, namespace)) < 2:  # noqa: ASYNC110 - it is elsewhere
                await anyio.sleep(0.01)


async def test_a_position_of_one_process_is_waited_for_by_the_other(
    urls: Sequence[str], namespace: str
) -> None:
    async with clients(urls) as pair:
        for turn, (writer, reader) in enumerate([*product(range(2), range(2))] * 5):
            body = {"payload": {"said": f"green tea {turn}"}}
            position = await put(pair[writer], f"/v1/{namespace}/memories/{turn}", body)
            hits = await recalled(pair[reader], namespace, min_position=position)
            assert len(hits) == turn + 1
            position = await put(pair[writer], f"/v1/{namespace}/memories/0", body)
            hits = await recalled(pair[reader], namespace, min_position=position)
            assert {hit["payload"]["said"] for hit in hits if hit["coordinate"] == [0]} == {
                body["payload"]["said"]
            }


async def test_a_key_at_once_on_both_processes_has_one_effect_and_one_answer(
    urls: Sequence[str], namespace: str
) -> None:
    async with clients(urls) as pair:
        for turn in range(8):
            answers: list[httpx.Response] = []

            async def store(
                client: httpx.AsyncClient, turn: int, answers: list[httpx.Response]
            ) -> None:
                answers.append(
                    await client.post(
                        f"/v1/{namespace}/memories",
                        json={"payload": {"said": f"tea {turn}"}},
                        headers={"Idempotency-Key": f"key-{turn}"},
                    )
                )

            async with anyio.create_task_group() as tasks:
                for client in (*pair, *pair):
                    tasks.start_soon(store, client, turn, answers)
            assert len({answer.content for answer in answers}) == 1
            assert {answer.status_code for answer in answers} <= {200, 201}
            replays = [answer.headers.get("Idempotent-Replay") for answer in answers]
            assert sorted(map(str, replays)) == ["None", "true", "true", "true"]
        said = {"Idempotency-Key": "key-0"}
        for client in pair:
            other = await client.post(f"/v1/{namespace}/memories", json=AGAIN, headers=said)
            assert other.status_code == 422, other.text
        events = (await pair[0].get(f"/v1/{namespace}/events")).json()["events"]
        assert len(events) == 8


async def test_versions_rise_by_one_whichever_process_writes_and_a_stale_match_is_refused(
    urls: Sequence[str], namespace: str
) -> None:
    path = f"/v1/{namespace}/memories/1"
    async with clients(urls) as pair:
        await put(pair[0], path)
        won, unlike = [0, 0], count()

        async def change(which: int) -> None:
            for turn in range(6):
                tag = (await pair[which].get(path)).headers["ETag"]
                answer = await pair[which].patch(
                    path,
                    json={"payload": {"by": [which, turn, next(unlike)]}},
                    headers={"If-Match": tag},
                )
                assert answer.status_code in (200, 412), answer.text
                won[which] += answer.status_code == 200

        async with anyio.create_task_group() as tasks:
            for which in (0, 1, 0, 1):
                tasks.start_soon(change, which)
        history = (await pair[1].get(f"{path}/history")).json()["versions"]
        assert sorted(one["version"] for one in history) == list(range(1, sum(won) + 2))


async def test_a_memory_deleted_by_one_process_is_gone_from_the_other_and_comes_back_by_it(
    urls: Sequence[str], namespace: str
) -> None:
    path = f"/v1/{namespace}/memories/1"
    async with clients(urls) as (here, there):
        await put(here, path)
        await put(here, f"/v1/{namespace}/memories/2")
        assert len(await recalled(there, namespace)) == 2
        gone = await there.delete(path)
        position = int(gone.headers["Sfm-Position"])
        hits = await recalled(here, namespace, min_position=position)
        assert [hit["coordinate"] for hit in hits] == [[2]]
        assert (await here.get(path)).status_code == 404
        back = await here.post(f"{path}:restore", json={"version": 1})
        assert back.json()["version"] == 3
        position = int(back.headers["Sfm-Position"])
        assert len(await recalled(there, namespace, min_position=position)) == 2


async def test_a_row_that_one_process_has_cached_is_never_shown_after_the_other_changed_it(
    urls: Sequence[str], namespace: str
) -> None:
    path = f"/v1/{namespace}/memories/1"
    async with clients(urls) as pair:
        await put(pair[0], path)
        for turn in range(6):
            writer, reader = pair[turn % 2], pair[(turn + 1) % 2]
            assert await recalled(reader, namespace) == await recalled(reader, namespace)
            body = {"payload": {"said": f"green tea, round {turn}"}}
            await put(writer, path, body)
            # The old row may still be ranked, but is never shown.
            with anyio.fail_after(SOON_S):
                while not (hits := await recalled(reader, namespace)):  # noqa: ASYNC110 - as above
                    await anyio.sleep(0.01)
            assert [hit["payload"] for hit in hits] == [body["payload"]]


async def test_links_of_one_process_lift_and_connect_in_the_other(
    urls: Sequence[str], namespace: str
) -> None:
    links = f"/v1/{namespace}/links"
    async with clients(urls) as (here, there):
        await put(here, f"/v1/{namespace}/memories/1")
        await put(here, f"/v1/{namespace}/memories/2", {"payload": {"said": "rain in Lisbon"}})
        await recalled(there, namespace)
        position = await put(here, links, {"from": [1], "to": [2], "type": "led_to"})
        asked = {"min_position": position, "graph_hops": 1, "explain": True}
        hits = await recalled(there, namespace, **asked)
        assert lifted(hits) == [[2]]
        found = await there.get(
            f"/v1/{namespace}/path",
            params={"from": "1", "to": "2", "min_position": position},
        )
        assert found.json()["path"] == [[1], [2]], found.text
        gone = await there.delete(links, params={"from": "1", "to": "2", "type": "led_to"})
        position = int(gone.headers["Sfm-Position"])
        hits = await recalled(here, namespace, **asked | {"min_position": position})
        assert lifted(hits) == []


async def test_what_one_process_erased_the_other_shows_nothing_of(
    urls: Sequence[str], namespace: str
) -> None:
    async with clients(urls) as (here, there):
        for n in range(5):
            await put(here, f"/v1/{namespace}/memories/{n}", **{"Idempotency-Key": f"k{n}"})
        for client in (here, there):
            assert len(await recalled(client, namespace)) == 5
        done = (await here.delete(f"/v1/{namespace}")).json()
        assert done["complete"] is True
        assert await recalled(there, namespace) == []
        assert (await there.get(f"/v1/{namespace}/memories/1")).status_code == 404
        assert (await there.get(f"/v1/{namespace}/memories")).json()["memories"] == []
        position = await put(there, f"/v1/{namespace}/memories/1", AGAIN)
        for client in (here, there):
            hits = await recalled(client, namespace, min_position=position)
            assert [hit["payload"] for hit in hits] == [AGAIN["payload"]]
            assert hits[0]["version"] == 1


async def test_writers_on_both_processes_leave_both_with_the_same_ranking(
    urls: Sequence[str], namespace: str
) -> None:
    async with clients(urls) as pair:
        for client in pair:
            await recalled(client, namespace)
        positions: list[int] = []

        async def write(which: int) -> None:
            for n in range(40):
                body = {
                    "payload": {"said": f"tea {n % 7} of {which}"},
                    "importance": float(n),
                    "session": f"s{n % 3}",
                }
                path = f"/v1/{namespace}/memories/{n % 25}"
                positions.append(await put(pair[which], path, body))
                if n % 10 == 9:
                    gone = await pair[which].delete(f"/v1/{namespace}/memories/{n % 25}")
                    positions.append(int(gone.headers["Sfm-Position"]))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, 0)
            tasks.start_soon(write, 1)
        now = "2030-01-01T00:00:00Z"
        asked = {"min_position": max(positions), "explain": True, "now": now}
        one, other = [await recalled(client, namespace, **asked) for client in pair]
        assert one == other
        assert len(one) > 10


async def test_a_rate_limit_counts_what_both_processes_answer(
    postgres_dsn: str, module_database: str, redis_url: str
) -> None:
    del postgres_dsn
    env = environment(
        POSTGRES_URL=module_database,
        REDIS_URL=redis_url,
        SOMA_RATE_LIMIT_MAX=str(LIMIT),
        SOMA_RATE_LIMIT_WINDOW_SECONDS="3600",
        SOMA_API_TOKEN=f"a-token-of-this-test-alone-{redis_url}",
    )
    with started(env) as one, started(env) as other:
        async with clients(
            [one.url, other.url], Authorization=f"Bearer {env['SOMA_API_TOKEN']}"
        ) as pair:
            codes = [
                (await pair[turn % 2].get("/v1/namespaces")).status_code
                for turn in range(LIMIT + 10)
            ]
    assert codes == [200] * LIMIT + [429] * 10
