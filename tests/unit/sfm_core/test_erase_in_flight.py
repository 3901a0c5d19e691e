"""Use-cases that an erasure overtakes: begun before it, at their commit after it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.errors import Conflict
from sfm_core.filters import parse
from sfm_core.model import (
    LinkKey,
    MemoryDraft,
    MemoryPatch,
    Precondition,
    Projected,
    PutLink,
    Receipt,
    Selection,
)
from tests.unit.sfm_api.twin_runtime import twin_runtime

ONE, TWO = Coordinate("1"), Coordinate("2")
KEY: Final = LinkKey(origin=ONE, target=TWO)
RECEIPT: Final = Receipt(key="k", fingerprint=b"f")
OLD: Final = MemoryDraft(payload={"said": "old"}, tags=("old",))
NEW: Final = MemoryDraft(payload={"said": "new"}, tags=("keep",))
SAMPLE: Final = {"sfm": "sample", "coordinate": [1], "version": 9, "importance": 5.0}
LINK: Final = {"sfm": "link", "from": [1], "to": [2]}
MEMORY: Final = {"coordinate": [3], "payload": {"said": "imported"}}


async def source_of(line: object) -> AsyncIterator[bytes]:
    yield orjson.dumps(line) + b"\n"


async def imported(runtime: Runtime, line: object) -> None:
    summary: Any = None
    async for documents in runtime.imports.results("a", source_of(line)):
        summary = documents[-1]
    assert summary["error"]["status"] == 409, summary
    raise Conflict(summary["error"]["detail"])


CALLS: Final[dict[str, Callable[[Runtime], Awaitable[object]]]] = {
    "delete": lambda r: r.remember.delete("a", ONE, receipt=RECEIPT),
    "delete if match": lambda r: r.remember.delete("a", ONE, precondition=Precondition(version=1)),
    "delete coordinates": lambda r: r.lifecycle.delete_many(
        "a", Selection(coordinates=(ONE,)), receipt=RECEIPT
    ),
    "delete by filter": lambda r: r.lifecycle.delete_many(
        "a", Selection(filter=parse({"@tags": "old"}))
    ),
    "patch": lambda r: r.lifecycle.patch("a", ONE, MemoryPatch(payload={"x": 1})),
    "restore": lambda r: r.lifecycle.restore("a", ONE, 1),
    "store if match": lambda r: r.remember.store(
        "a", ONE, OLD, precondition=Precondition(version=1)
    ),
    "link": lambda r: r.graph.link("a", PutLink(key=KEY), receipt=RECEIPT),
    "unlink": lambda r: r.graph.unlink("a", KEY),
    "rebuild vectors": lambda r: r.rebuild.rebuild("a", Projected.VECTORS),
    "import a sample": lambda r: imported(r, SAMPLE),
    "import a link": lambda r: imported(r, LINK),
    "import a memory": lambda r: imported(r, MEMORY),
}


async def begin_a_life(runtime: Runtime, draft: MemoryDraft) -> None:
    for at in (ONE, TWO):
        await runtime.remember.store("a", at, draft)


def overtaken(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next write finds, when it comes to the store, that another life has begun."""
    begun: list[bool] = []

    def after_erasure(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def late(*given: Any, **more: Any) -> Any:
            if not begun:
                begun.append(True)
                await runtime.erase.erase("a")
                await begin_a_life(runtime, NEW)
            return await write(*given, **more)

        return late

    landing = runtime.imports.landing
    for port, name in (
        (runtime.records, "apply"),
        (landing.links, "apply"),
        (landing.archive, "keep_samples"),
        (runtime.digests, "put_vectors"),
    ):
        monkeypatch.setattr(port, name, after_erasure(getattr(port, name)))


def lose_a_vector(store: Any) -> None:
    assert isinstance(store, InMemoryStore)
    space = store.begin("a", None)
    space.rows[ONE] = replace(space.rows[ONE], vector=None)
    store.commit("a", space)


@pytest.mark.parametrize("call", CALLS)
async def test_what_an_erasure_overtakes_is_refused_and_leaves_the_next_life_alone(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with twin_runtime() as runtime:
        await begin_a_life(runtime, OLD)
        lose_a_vector(runtime.records)
        overtaken(runtime, monkeypatch)
        with pytest.raises(Conflict, match="erased"):
            await CALLS[call](runtime)
        for at in (ONE, TWO):
            memory = await runtime.remember.get("a", at)
            assert (memory.draft, memory.version) == (NEW, 1)
        erased = await runtime.erase.erase("a")
        there = {one.store: one.removed for one in erased.stores if one.removed}
        beside = {"views", "accesses"}
        assert {name: count for name, count in there.items() if name not in beside} == {
            "memories": 2,
            "vectors": 2,
            "events": 2,
        }


@pytest.mark.parametrize("call", ["link", "import a link", "import a sample"])
@pytest.mark.parametrize("erases", [False, True])
async def test_what_was_committed_before_an_erasure_is_not_shown_after_it(
    call: str, erases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with twin_runtime() as runtime:
        await begin_a_life(runtime, OLD)
        landing, shown = runtime.imports.landing, list[str]()

        def then_erased(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def early(*given: Any, **more: Any) -> Any:
                done = await write(*given, **more)
                if erases:
                    landing.commits._generations.note("a", 2)
                return done

            return early

        async def apply(namespace: str, *_: object) -> None:
            shown.append(namespace)

        monkeypatch.setattr(landing.links, "apply", then_erased(landing.links.apply))
        kept = then_erased(landing.archive.keep_samples)
        monkeypatch.setattr(landing.archive, "keep_samples", kept)
        monkeypatch.setattr(runtime.recall.views, "apply", apply)
        lines = {"import a link": LINK, "import a sample": SAMPLE}
        if call == "link":
            await runtime.graph.link("a", PutLink(key=KEY))
        else:
            async for _ in runtime.imports.results("a", source_of(lines[call])):
                pass
    assert shown == ([] if erases else ["a"])


async def test_what_was_noted_before_an_erasure_does_not_count_after_it() -> None:
    async with twin_runtime() as runtime:
        await begin_a_life(runtime, OLD)
        memory = await runtime.remember.get("a", ONE)
        await runtime.erase.erase("a")
        await begin_a_life(runtime, NEW)
        await runtime.remember.get("a", TWO)
        await runtime.accesses.flush()
        counted = await runtime.accesses._store.counted("a", [memory.id, memory_id("a", TWO)])
        assert {id_: one.hits for id_, one in counted.items()} == {memory_id("a", TWO): 1}


async def test_a_process_that_missed_an_erasure_counts_again_after_the_next_look() -> None:
    async with twin_runtime() as runtime:
        await begin_a_life(runtime, OLD)
        await runtime.erase._eraser.erase("a")  # as another process does
        runtime.accesses.note("a", [memory_id("a", ONE)])
        await runtime.accesses.flush()
        await begin_a_life(runtime, NEW)
        await runtime.remember.get("a", ONE)
        await runtime.accesses.flush()
        counted = await runtime.accesses._store.counted("a", [memory_id("a", ONE)])
        assert [one.hits for one in counted.values()] == [1]
