"""The embedder's queue over a model that stops where the test says, and the real one."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Event, Lock

import anyio
import numpy as np
import pytest
from anyio import fail_after, wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from prometheus_client import CollectorRegistry

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.embedders import open_embedder
from sfm_core.adapters.modelfolder import SETTINGS_FILE
from sfm_core.adapters.onnx_embedder import OnnxEmbedder
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.model import F32, EmbedderInfo
from sfm_core.ports import Embedder
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.testing.contracts_embedder import EmbedderContract, Opened
from sfm_core.testing.models import minilm_folder


class TestOnnxEmbedder(EmbedderContract):
    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def opening() -> AsyncGenerator[Embedder]:
            async with OnnxEmbedder.open(minilm_folder()) as embedder:
                yield embedder

        return opening

    @pytest.mark.alone
    async def test_embedding_leaves_the_loop_free(self, opened: Opened) -> None:
        await super().test_embedding_leaves_the_loop_free(opened)


class GatedModel:
    """Encodes a text as its length once the gate is open; knows in which order it was asked."""

    def __init__(self) -> None:
        self.gate = Event()
        self.asked: list[str] = []
        self._lock = Lock()

    @property
    def info(self) -> EmbedderInfo:
        return EmbedderInfo(name="gated", model_revision="1", dim=1, floor=0.0, semantic=False)

    def encode(self, text: str) -> F32:
        with self._lock:
            self.asked.append(text)
        if not self.gate.wait(10):
            raise RuntimeError("the test never opened the gate")
        if text == "poison":
            raise ZeroDivisionError(text)
        return np.array([len(text)], dtype=np.float32)


@contextmanager
def gated() -> Iterator[GatedModel]:
    """A model whose gate is opened at the end, so that no thread is left behind."""
    model = GatedModel()
    try:
        yield model
    finally:
        model.gate.set()


async def started(model: GatedModel, texts: int) -> None:
    """Wait until so many texts reached a thread."""
    with fail_after(5):
        while len(model.asked) < texts:
            await checkpoint()


async def test_a_query_is_served_before_the_rest_of_a_batch() -> None:
    with gated() as model:
        async with (
            OnnxEmbedder.serving(model, threads=1) as embedder,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(embedder.embed, [f"batch {at}" for at in range(50)])
            await started(model, 1)
            tasks.start_soon(embedder.embed, ["query"])
            await wait_all_tasks_blocked()
            model.gate.set()
    assert model.asked.index("query") <= 2
    assert len(model.asked) == 51


async def test_rows_come_back_in_the_order_of_the_texts() -> None:
    with gated() as model:
        model.gate.set()
        async with OnnxEmbedder.serving(model, threads=3) as embedder:
            rows = await embedder.embed(["four", "a", "", "three"])
    assert rows.tolist() == [[4.0], [1.0], [0.0], [5.0]]


async def test_a_full_queue_refuses_and_recovers() -> None:
    with gated() as model:
        async with OnnxEmbedder.serving(model, threads=1, max_waiting=3) as embedder:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(embedder.embed, ["running", "waiting", "waiting"])
                await started(model, 1)
                with pytest.raises(Unavailable, match="too many"):
                    await embedder.embed(["one", "two"])
                seen = embedder.statistics()
                tasks.start_soon(embedder.embed, ["fits"])
                await wait_all_tasks_blocked()
                model.gate.set()
            with fail_after(5):
                assert (await embedder.embed(["later"])).tolist() == [[5.0]]
    assert seen == EmbedderStatistics(waiting=2, running=1, served=0, refused=1, threads=1)
    assert embedder.statistics().served == 5


async def test_a_call_larger_than_the_queue_is_taken_when_nobody_waits() -> None:
    with gated() as model:
        model.gate.set()
        async with OnnxEmbedder.serving(model, threads=1, max_waiting=3) as embedder:
            assert (await embedder.embed(["x"] * 10)).shape == (10, 1)


async def test_a_cancelled_caller_takes_its_waiting_texts_along() -> None:
    with gated() as model:
        async with OnnxEmbedder.serving(model, threads=1) as embedder:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(embedder.embed, ["text"] * 100)
                await started(model, 1)
                assert embedder.statistics().waiting == 99
                tasks.cancel_scope.cancel()
            assert embedder.statistics().waiting == 0
            model.gate.set()
            with fail_after(5):
                assert (await embedder.embed(["next"])).tolist() == [[4.0]]
    assert model.asked == ["text", "next"]


async def test_an_error_reaches_only_the_caller_whose_text_it_was() -> None:
    with gated() as model:
        model.gate.set()
        async with OnnxEmbedder.serving(model, threads=2) as embedder:
            with pytest.raises(ZeroDivisionError, match="poison"):
                await embedder.embed(["fine", "poison", *["never needed"] * 50])
            with fail_after(5):
                assert (await embedder.embed(["fine"])).tolist() == [[4.0]]
            assert embedder.statistics().waiting == 0
    assert len(model.asked) < 50


async def test_closing_finishes_what_runs_and_fails_what_waits() -> None:
    outcomes: dict[str, object] = {}

    async def ask(embedder: OnnxEmbedder, name: str, texts: list[str]) -> None:
        try:
            outcomes[name] = (await embedder.embed(texts)).tolist()
        except Unavailable as error:
            outcomes[name] = error.detail

    with gated() as model:
        async with anyio.create_task_group() as tasks:
            async with OnnxEmbedder.serving(model, threads=1) as embedder:
                tasks.start_soon(ask, embedder, "running", ["abc"])
                await started(model, 1)
                tasks.start_soon(ask, embedder, "waiting", ["abcd"])
                await wait_all_tasks_blocked()
                tasks.start_soon(_open_when_closed, model, outcomes)
            with pytest.raises(Unavailable, match="closed"):
                await embedder.embed(["too late"])
    assert outcomes == {"running": [[3.0]], "waiting": "the embedder is closed"}
    assert model.asked == ["abc"]


async def _open_when_closed(model: GatedModel, outcomes: dict[str, object]) -> None:
    with fail_after(5):
        while "waiting" not in outcomes:
            await checkpoint()
    model.gate.set()


async def test_cancelling_the_owner_leaves_no_caller_hanging() -> None:
    outcomes: list[str] = []

    async def own(scope: anyio.CancelScope, shared: list[OnnxEmbedder], model: GatedModel) -> None:
        with scope:
            async with OnnxEmbedder.serving(model, threads=1) as embedder:
                shared.append(embedder)
                await anyio.sleep_forever()

    async def ask(embedder: OnnxEmbedder) -> None:
        try:
            await embedder.embed(["running", "waiting"])
        except Unavailable as error:
            outcomes.append(error.detail)

    with gated() as model, fail_after(5):
        scope, shared = anyio.CancelScope(), list[OnnxEmbedder]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(own, scope, shared, model)
            await wait_all_tasks_blocked()
            tasks.start_soon(ask, shared[0])
            await started(model, 1)
            scope.cancel()
            await wait_all_tasks_blocked()
            model.gate.set()
    assert outcomes == ["the embedder is closed"]


@pytest.mark.parametrize("steps", range(8))
async def test_at_whatever_moment_the_owner_is_cancelled_the_caller_gets_an_answer(
    steps: int,
) -> None:
    outcomes: list[str] = []
    shared: list[OnnxEmbedder] = []

    async def own(scope: anyio.CancelScope, model: GatedModel) -> None:
        with scope:
            async with OnnxEmbedder.serving(model, threads=1) as embedder:
                shared.append(embedder)
                await anyio.sleep_forever()

    async def ask() -> None:
        try:
            await shared[0].embed(["one"])
            outcomes.append("served")
        except Unavailable:
            outcomes.append("refused")

    with gated() as model, fail_after(5):
        model.gate.set()
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(own, scope, model)
            await wait_all_tasks_blocked()
            tasks.start_soon(ask)
            for _ in range(steps):
                await checkpoint()
            scope.cancel()
    assert len(outcomes) == 1


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    with gated() as model, pytest.raises(KeyError, match="mine"):
        async with OnnxEmbedder.serving(model):
            raise KeyError("mine")


async def test_the_metrics_say_how_long_texts_took_and_how_they_ended() -> None:
    metrics = PrometheusTelemetry(CollectorRegistry())
    with gated() as model:
        model.gate.set()
        async with OnnxEmbedder.serving(model, telemetry=metrics) as embedder:
            await embedder.embed(["one", "two"])
            with pytest.raises(ZeroDivisionError):
                await embedder.embed(["poison"])
    scrape = metrics.render().decode()
    assert 'sfm_embedder_duration_seconds_count{outcome="ok"} 2.0' in scrape
    assert 'sfm_embedder_duration_seconds_count{outcome="crash"} 1.0' in scrape
    assert "sfm_embedder_batch_texts_sum 3.0" in scrape


async def test_a_text_beyond_one_window_is_told_apart_by_what_comes_later() -> None:
    filler = "we talked about the weather and the garden for a while . " * 30
    async with OnnxEmbedder.open(minilm_folder()) as embedder:
        plain, tailed, question = await embedder.embed(
            [
                filler * 2,
                filler + "the password of the vault is swordfish . " * 30,
                "what is the password of the vault?",
            ]
        )
    assert question @ tailed > question @ plain + 0.2


async def test_what_lies_beyond_the_last_window_is_not_read() -> None:
    async with OnnxEmbedder.open(minilm_folder()) as embedder:
        short, long = await embedder.embed(["tea " * 2_000, "tea " * 2_000 + "swordfish"])
    assert short.tobytes() == long.tobytes()


async def test_the_model_knows_meaning_beyond_shared_words() -> None:
    async with OnnxEmbedder.open(minilm_folder()) as embedder:
        ask, right, wrong = await embedder.embed(
            ["Which pet lives with her?", "She has a kitten.", "She has a motorbike."]
        )
        assert embedder.info.semantic
    assert ask @ right > ask @ wrong + 0.1


async def test_the_default_embedder_is_the_packaged_model() -> None:
    async with open_embedder("onnx", model_dir=None, cache_dir=minilm_folder().parent) as embedder:
        assert embedder.info.name == "onnx:all-MiniLM-L6-v2-int8"


async def test_a_missing_model_is_an_error_and_never_hashes(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=SETTINGS_FILE):
        async with open_embedder("onnx", model_dir=tmp_path, cache_dir=tmp_path):
            pass


async def test_hashes_are_had_by_asking_for_them(tmp_path: Path) -> None:
    async with open_embedder("hash", model_dir=None, cache_dir=tmp_path) as embedder:
        assert not embedder.info.semantic
