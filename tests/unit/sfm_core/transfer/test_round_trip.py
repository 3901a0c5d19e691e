"""Export, erase, import: the same answers to the last bit."""

from contextlib import suppress
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core import decode
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import NotFound
from sfm_core.model import LinkKey, PutLink
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.transfer.transfers import answers, exported, imported, memories_of

WORDS = ("tea", "green", "morning", "Ada", "Grüße", "早上喝茶", "said", "walk", "")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
MEMORIES = st.fixed_dictionaries(
    {
        "payload": st.builds(
            lambda words, odd: {"said": " ".join(words), **odd},
            st.lists(st.sampled_from(WORDS), max_size=6),
            st.dictionaries(KEYS, VALUES, max_size=3),
        )
    },
    optional={
        "kind": st.sampled_from(["episodic", "semantic"]),
        "text": st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
        "importance": st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e300, 40.0, 5e-324]),
        "tags": st.lists(st.sampled_from(["a", "b", "ü"]), max_size=3),
        "session": st.sampled_from(["s1", "s2"]),
        "source": st.sampled_from(["Ada", "Bob"]),
        "occurred_at": st.sampled_from(
            [
                "2024-02-29T12:00:00.000001Z",
                "2024-05-01T00:00:00+05:30",
                "0001-01-01T00:00:00Z",
                "9999-12-31T23:59:59.999999Z",
            ]
        ),
        "expires_at": st.sampled_from(
            [
                "2029-01-01T00:00:00Z",
                "2031-01-01T00:00:00Z",
                "0001-01-01T05:00:00+05:00",
                "9999-12-31T18:59:59.999999-05:00",
            ]
        ),
        "pinned": st.booleans(),
    },
)
PLACES = st.sampled_from(["1", "2", "3", "1.5,-2", "0", "1e-7,5", "-4", "123456789012345680"])
STEPS = st.lists(
    st.tuples(st.just("store"), PLACES, MEMORIES)
    | st.tuples(st.just("delete"), PLACES, st.none())
    | st.tuples(st.just("remember"), st.none(), MEMORIES)
    | st.tuples(st.just("link"), PLACES, st.tuples(PLACES, st.sampled_from([0.5, 2.0])))
    | st.tuples(st.just("unlink"), PLACES, st.tuples(PLACES, st.none())),
    max_size=25,
)


async def lived(runtime: Runtime, namespace: str, steps: list[tuple[str, Any, Any]]) -> None:
    """What the steps leave behind."""
    for step, place, memory in steps:
        draft = decode.memory_draft(memory) if isinstance(memory, dict) else None
        if step in ("link", "unlink"):
            await linked(runtime, namespace, place, *memory)
        elif step == "store":
            assert draft is not None
            await runtime.remember.store(namespace, Coordinate.parse(place), draft)
        elif step == "remember":
            assert draft is not None
            await runtime.remember.remember(namespace, draft)
        else:
            with suppress(NotFound):
                await runtime.remember.delete(namespace, Coordinate.parse(place))


async def linked(
    runtime: Runtime, namespace: str, origin: str, target: str, weight: float | None
) -> None:
    key = LinkKey(origin=Coordinate.parse(origin), target=Coordinate.parse(target), type="t")
    with suppress(NotFound):
        if origin != target and weight is not None:
            await runtime.graph.link(namespace, PutLink(key=key, weight=weight))
        elif origin != target:
            await runtime.graph.unlink(namespace, key)


async def links(runtime: Runtime, namespace: str) -> list[tuple[LinkKey, float]]:
    """All that there are now."""
    archive = runtime.imports.landing.archive
    cut = await archive.cut(namespace)
    pages = archive.links(namespace, cut)
    return [(link.key, link.weight) async for page in pages for link in page]


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, history=st.booleans(), vectors=st.booleans())
def test_what_was_exported_and_imported_answers_the_same(
    steps: list[tuple[str, Any, Any]], history: bool, vectors: bool
) -> None:
    async def check() -> None:
        async with twin_runtime() as one, twin_runtime() as other:
            await lived(one, "a", steps)
            file = await exported(one, "a", history=history, vectors=vectors)
            *results, summary = await imported(other, "a", file)
            assert summary["complete"] is True
            assert [r for r in results if r["status"] >= 300] == []
            assert await answers(other, "a") == await answers(one, "a")
            assert await links(other, "a") == await links(one, "a")
            again = await exported(other, "a", history=history, vectors=vectors)
            assert memories_of(again) == memories_of(file)
            *_, second = await imported(other, "a", file)
            assert second["created"] == second["updated"] == second["deleted"] == 0
            assert second["kept"] == second["failed"] == 0
            unchanged = await exported(other, "a", history=history, vectors=vectors)
            assert memories_of(unchanged) == memories_of(file)

    anyio.run(check)


@pytest.mark.parametrize("history", [False, True])
async def test_the_normaliser_is_in_the_same_state_and_goes_on_alike(history: bool) -> None:
    """More than 512 importances, many of versions that live no more."""
    async with twin_runtime() as one, twin_runtime() as other:
        for i in range(700):
            memory = {"payload": {"n": i % 90}, "importance": (i * 37) % 101 + (i % 7) * 1e3}
            await one.remember.store(
                "a", Coordinate.parse(f"{i % 90}"), decode.memory_draft(memory)
            )
        for i in range(0, 90, 3):
            await one.remember.delete("a", Coordinate.parse(f"{i}"))
        await imported(other, "a", await exported(one, "a", history=history))
        probes = [0.0, 5.0, 50.0, 500.0, 5_000.0]
        for i in range(60):
            assert await one.recall.norms("a", probes) == await other.recall.norms("a", probes)
            memory = {"payload": {"later": i}, "importance": i * 1e4}
            for runtime in (one, other):
                await runtime.remember.store(
                    "a", Coordinate.parse(f"9,{i}"), decode.memory_draft(memory)
                )
