"""How much, how long, how many: and what is said when it is too much."""

import json
from collections.abc import AsyncGenerator, Sequence

import anyio
import httpx
import pytest
from starlette.types import Message

from sfm_api.app import create_app
from sfm_api.limits import Limits
from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.errors import Unavailable
from sfm_core.model import F32, EmbedderInfo
from sfm_core.testing.loop import responsive_loop
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, TEA, running, scope_of
from tests.unit.sfm_api.twin_runtime import twin_runtime

JSON = {"Content-Type": "application/json"}
SMALL = Limits(body_bytes=1000, batch_body_bytes=4000)
CALLS = [
    ("PUT", "/v1/acme/memories/1", 1000),
    ("POST", "/v1/acme/memories", 1000),
    ("POST", "/v1/acme/recall", 1000),
    ("POST", "/v1/acme/memories:batch", 4000),
    ("POST", "/v1/acme/recall:batch", 4000),
]


class HeldEmbedder:
    """An embedder that answers when it is let."""

    def __init__(self) -> None:
        self._embedder = HashEmbedder()
        self.let = anyio.Event()
        self.asked = anyio.Event()
        self.cancelled = 0

    @property
    def info(self) -> EmbedderInfo:
        return self._embedder.info

    async def embed(self, texts: Sequence[str]) -> F32:
        self.asked.set()
        try:
            await self.let.wait()
        except BaseException:
            self.cancelled += 1
            raise
        return await self._embedder.embed(texts)

    def statistics(self) -> EmbedderStatistics:
        return self._embedder.statistics()


class DownEmbedder:
    """An embedder that does not answer."""

    @property
    def info(self) -> EmbedderInfo:
        return HashEmbedder().info

    async def embed(self, texts: Sequence[str]) -> F32:
        raise Unavailable("the embedder is closed")

    def statistics(self) -> EmbedderStatistics:
        return EmbedderStatistics()


async def chunks(content: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


@pytest.mark.parametrize(("method", "url", "limit"), CALLS)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused_also_when_chunked(
    method: str, url: str, limit: int, chunked: bool
) -> None:
    content = b" " * (limit + 1)
    async with twin_runtime() as runtime, running(runtime=runtime, limits=SMALL) as client:
        answer = await client.request(
            method, url, content=chunks(content) if chunked else content, headers=JSON
        )
        assert await runtime.records.namespaces() == []
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:sfm:error:too-large"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_at_the_limit_is_read(chunked: bool) -> None:
    content = json.dumps(TEA).encode().ljust(1000)
    async with running(limits=SMALL) as client:
        answer = await client.put(
            "/v1/acme/memories/1", content=chunks(content) if chunked else content, headers=JSON
        )
    assert answer.status_code == 201


@pytest.mark.parametrize("declared", ["5", "-1", "x", "9" * 400])
async def test_a_lying_length_changes_nothing(declared: str) -> None:
    async with running(limits=SMALL) as client:
        answer = await client.put(
            "/v1/acme/memories/1",
            content=chunks(b" " * 2000),
            headers=JSON | {"Content-Length": declared},
        )
    assert answer.status_code == 413


async def test_a_body_that_does_not_arrive_in_time_is_408() -> None:
    async def slowly() -> AsyncGenerator[bytes]:
        yield b'{"payload"'
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with running(limits=Limits(body_s=0.05)) as client:
            answer = await client.put("/v1/acme/memories/1", content=slowly(), headers=JSON)
    assert answer.status_code == 408
    assert answer.json()["type"] == "urn:sfm:error:request-timeout"
    assert answer.headers["connection"] == "close"


async def test_a_body_that_trickles_is_cut_too() -> None:
    async def trickle() -> AsyncGenerator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(0.005)

    with anyio.fail_after(5):
        async with running(limits=Limits(body_s=0.1)) as client:
            answer = await client.put("/v1/acme/memories/1", content=trickle(), headers=JSON)
    assert answer.status_code == 408


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/acme/recall", {"query": "tea"}),
        ("/v1/acme/recall:batch", {"queries": [{"query": "tea"}]}),
        ("/v1/acme/memories:batch", {"items": [TEA]}),
        ("/v1/acme/memories", TEA),
    ],
)
async def test_a_call_that_is_not_answered_in_time_is_504_and_cancelled(
    url: str, body: object
) -> None:
    embedder = HeldEmbedder()
    limits = Limits(request_s=0.05, batch_s=0.05)
    with anyio.fail_after(5):
        async with (
            twin_runtime(embedder=embedder) as runtime,
            running(runtime=runtime, limits=limits) as client,
        ):
            answer = await client.post(url, json=body)
            stored = await runtime.records.namespaces()
    assert answer.status_code == 504
    assert answer.json()["type"] == "urn:sfm:error:deadline-exceeded"
    assert embedder.cancelled == 1
    assert stored == []


async def test_one_call_more_than_allowed_is_503_at_once_and_probes_still_answer() -> None:
    embedder = HeldEmbedder()
    answers: list[httpx.Response] = []
    with anyio.fail_after(5):
        async with (
            twin_runtime(embedder=embedder) as runtime,
            running(runtime=runtime, limits=Limits(in_flight=1)) as client,
        ):

            async def ask() -> None:
                answers.append(await client.post("/v1/acme/recall", json={"query": "tea"}))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await embedder.asked.wait()
                refused = await client.get("/v1/namespaces")
                probes = [await client.get(url) for url in ("/healthz", "/readyz", "/metrics")]
                embedder.let.set()
            after = await client.get("/v1/namespaces")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert [probe.status_code for probe in probes] == [200, 200, 200]
    assert [answer.status_code for answer in answers] == [200]
    assert after.status_code == 200


async def test_an_embedder_that_is_down_is_503_and_never_an_empty_answer() -> None:
    async with (
        twin_runtime(embedder=DownEmbedder()) as runtime,
        running(runtime=runtime) as client,
    ):
        stored = await client.put("/v1/acme/memories/1", json=TEA)
        recalled = await client.post("/v1/acme/recall", json={"query": "tea", "mode": "vector"})
        counted = await runtime.records.namespaces()
    assert (stored.status_code, recalled.status_code) == (503, 503)
    assert stored.headers["retry-after"] == "1"
    assert counted == []


@pytest.mark.alone
async def test_a_large_body_is_parsed_off_the_loop() -> None:
    items = [{"payload": {"text": f"memory {i} " * 20}} for i in range(1000)]
    content = json.dumps({"items": items, "spoilt": 1}).encode()
    async with running() as client, responsive_loop(within_s=0.15):
        answer = await client.post("/v1/acme/memories:batch", content=content, headers=JSON)
    assert answer.status_code == 422


async def test_a_client_that_leaves_while_sending_is_noted_and_nothing_is_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "sfm_api")
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"payload":', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        del message

    async with twin_runtime() as runtime:
        app = create_app(runtime, SETTINGS)
        await app(scope_of("PUT", "/v1/acme/memories/1", AUTHORIZED | JSON), receive, send)
        assert await runtime.records.namespaces() == []
    [line] = [record for record in caplog.records if record.message == "request.answered"]
    assert vars(line)["status"] == 499
