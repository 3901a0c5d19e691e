"""What every `Embedder` must do; give the class an `opened` fixture and name it `Test…`."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import numpy as np

from sfm_core.model import F32
from sfm_core.ports import Embedder
from sfm_core.testing.loop import responsive_loop

type Opened = Callable[[], AbstractAsyncContextManager[Embedder]]
"""Opens an embedder for the length of one test; a context manager, because a fixture must not
yield across a task group."""

MAX_GAP_S = 0.05
ATTEMPTS = 5
"""The gap also counts what other processes do to this machine: the best attempt counts."""

ORDINARY = ("tea at four", "the cat sat on the mat", "tea at four o'clock", "プログラミング 言語")
STRANGE = (
    "", " ", "\n\t", "!!!", "\u200b", "é", "e\u0301", "\ud800", "\ufffd", "\x00", "😀👩‍👩‍👧",
    "שלום עולם", "مرحبا", "a" * 5_000, "x " * 3_000, "…", "\U0010ffff", "İ",
)  # fmt: skip


class EmbedderContract:
    async def test_a_row_per_text_of_length_one(self, opened: Opened) -> None:
        async with opened() as embedder:
            rows = await embedder.embed(ORDINARY)
            _check(rows, len(ORDINARY), embedder.info.dim)

    async def test_no_texts_give_no_rows(self, opened: Opened) -> None:
        async with opened() as embedder:
            rows = await embedder.embed([])
            assert rows.shape == (0, embedder.info.dim)
            assert rows.dtype == np.float32

    async def test_any_text_at_all_has_a_vector(self, opened: Opened) -> None:
        async with opened() as embedder:
            _check(await embedder.embed(STRANGE), len(STRANGE), embedder.info.dim)

    async def test_alone_or_among_others_the_same_bits(self, opened: Opened) -> None:
        texts = [*ORDINARY, *STRANGE]
        async with opened() as embedder:
            together = await embedder.embed(texts)
            backwards = await embedder.embed(texts[::-1])
            for at, text in enumerate(texts):
                [alone] = await embedder.embed([text])
                assert alone.tobytes() == together[at].tobytes()
                assert alone.tobytes() == backwards[len(texts) - 1 - at].tobytes()

    async def test_concurrent_calls_get_their_own_rows_in_order(self, opened: Opened) -> None:
        answers: dict[int, F32] = {}
        async with opened() as embedder:
            expected = await embedder.embed(ORDINARY)

            async def ask(shift: int) -> None:
                turned = [*ORDINARY[shift:], *ORDINARY[:shift]]
                answers[shift] = await embedder.embed(turned)

            async with anyio.create_task_group() as tasks:
                for shift in range(len(ORDINARY)):
                    tasks.start_soon(ask, shift)
        for shift, rows in answers.items():
            assert rows.tobytes() == np.roll(expected, -shift, axis=0).tobytes()
        assert len(answers) == len(ORDINARY)

    async def test_two_instances_agree_and_share_a_revision(self, opened: Opened) -> None:
        async with opened() as one, opened() as other:
            assert one.info == other.info
            first, second = await one.embed(ORDINARY), await other.embed(ORDINARY)
            assert first.tobytes() == second.tobytes()

    async def test_alike_is_nearer_than_unlike_and_unlike_is_near_the_floor(
        self, opened: Opened
    ) -> None:
        async with opened() as embedder:
            tea, cat, more_tea, _ = await embedder.embed(ORDINARY)
            assert tea @ more_tea > max(tea @ cat, 0.5)
            assert abs(float(tea @ cat) - embedder.info.floor) < 0.25

    async def test_a_caller_owns_its_rows(self, opened: Opened) -> None:
        async with opened() as embedder:
            rows = await embedder.embed(ORDINARY)
            kept = rows.copy()
            rows[:] = 0.0
            assert (await embedder.embed(ORDINARY)).tobytes() == kept.tobytes()

    async def test_embedding_leaves_the_loop_free(self, opened: Opened) -> None:
        texts = [f"{number}: what was said about the garden, and by whom" for number in range(64)]
        worst: list[float] = []
        async with opened() as embedder:
            for _ in range(ATTEMPTS):
                async with responsive_loop(within_s=10.0) as heartbeat:
                    await embedder.embed(texts)
                    await embedder.embed(["a long day " * 20_000])
                worst.append(heartbeat.worst_s)
                if worst[-1] < MAX_GAP_S:
                    break
        assert min(worst) < MAX_GAP_S


def _check(rows: F32, count: int, dim: int) -> None:
    assert rows.shape == (count, dim)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1.0, atol=1e-6)
