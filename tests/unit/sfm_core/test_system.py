"""The Python facade: judged like REST, configured like the service."""

import math

import pytest

from sfm_core.errors import InvalidInput, Misconfigured, NotFound, Unavailable
from sfm_core.factory import MemoryMode, create_memory_system
from sfm_core.model import RecallResult
from sfm_core.system import MemorySystem

CONFIG = {"postgres_url": "memory://", "embedder": "hash"}


def a_system(**config: object) -> MemorySystem:
    return create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "demo", CONFIG | config)


async def test_what_is_stored_is_got_listed_recalled_and_deleted() -> None:
    async with a_system() as memory:
        stored = await memory.store((1, 2.5), {"note": "The kettle is broken"}, tags=["kitchen"])
        assert (stored.coordinate.text, stored.version, stored.created) == ("1,2.5", 1, True)
        same = await memory.remember({"note": "Bob moved"}, source="Ann")
        again = await memory.remember({"note": "Bob moved"}, source="Ann")
        assert again.deduplicated
        assert again.coordinate == same.coordinate
        assert (await memory.get("1,2.50")).draft.tags == ("kitchen",)
        assert [m.text for m in (await memory.list(limit=1)).memories] == ["The kettle is broken"]
        assert len([m async for m in memory.all(page_size=1)]) == 2
        found = await memory.recall("broken kettle", top_k=1, min_position=stored.position)
        assert found.hits[0].memory.coordinate == stored.coordinate
        many = await memory.recall_many([{"query": "kettle"}, {"query": "Bob"}])
        assert [r.hits[0].memory.text for r in many] == ["The kettle is broken", "Bob moved"]
        await memory.delete((1, 2.5))
        with pytest.raises(NotFound):
            await memory.get((1, 2.5))
        assert (await memory.stats())["total"] == 1


async def test_a_streamed_recall_gives_the_same_hits_and_ends_with_what_stands_beside_them() -> (
    None
):
    async with a_system() as memory:
        for n in range(30):
            await memory.store((n,), {"note": f"The kettle of house {n}"})
        found = await memory.recall("kettle", top_k=25)
        *hits, last = [one async for one in memory.recall_stream("kettle", top_k=25)]
        assert tuple(hits) == found.hits
        assert isinstance(last, RecallResult)
        assert (last.hits, last.position, last.degraded) == ((), found.position, ())
        assert await memory.namespaces() == ["demo"]


async def test_an_idempotency_key_gives_the_first_answer_again() -> None:
    async with a_system() as memory:
        first = await memory.store((1,), {"n": 1}, idempotency_key="k")
        again = await memory.store((1,), {"n": 1}, idempotency_key="k")
        assert again.replayed
        assert (again.version, again.position) == (first.version, first.position)
        with pytest.raises(InvalidInput):
            await memory.store((1,), {"n": 2}, idempotency_key="k")


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"n": math.nan}, "/payload/n"),
        ({"n": 2**70}, "/payload/n"),
        ({"t": "\x00"}, "/payload/t"),
        ({"t": "\ud800"}, "/payload/t"),
    ],
)
async def test_it_refuses_what_rest_refuses_with_the_same_path(
    payload: dict[str, object], path: str
) -> None:
    async with a_system() as memory:
        with pytest.raises(InvalidInput) as refused:
            await memory.store((1,), payload)  # type: ignore[arg-type]
        assert [fault.path for fault in refused.value.faults] == [path]
        with pytest.raises(InvalidInput):
            await memory.store((1,), {"x": object()})  # type: ignore[dict-item]
        assert (await memory.stats())["total"] == 0


async def test_weights_that_a_request_leaves_out_are_those_of_the_configuration() -> None:
    asked = {"weights": {"recency": 0.0}, "explain": True}
    async with a_system(recall_weight_keyword=0.0, recall_weight_context=0.0) as memory:
        await memory.store((1,), {"note": "tea"})
        [hit] = (await memory.recall("tea", **asked)).hits
        assert hit.explanation is not None
        assert dict(hit.explanation.weights) == pytest.approx(
            {"vector": 1.0, "keyword": 0.0, "context": 0.0, "recency": 0.0}
        )


def test_another_mode_or_an_unknown_field_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(Misconfigured, match="evented_enterprise"):
        create_memory_system("test", "demo", CONFIG)
    with pytest.raises(Misconfigured, match="postgres_uri"):
        create_memory_system("evented_enterprise", "demo", {"postgres_uri": "x"})
    with pytest.raises(InvalidInput):
        create_memory_system("evented_enterprise", "No Such Name", CONFIG)


async def test_a_facade_that_is_not_open_says_so() -> None:
    with pytest.raises(Unavailable, match="async with"):
        await a_system().stats()


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with a_system():
            raise KeyError("mine")


async def test_decay_tells_what_it_would_do_and_then_does_it() -> None:
    async with a_system(max_memory_size=1) as memory:
        await memory.store((1,), {"n": "a"}, importance=2)
        await memory.store((2,), {"n": "b"}, importance=1)
        dry = await memory.decay(dry_run=True)
        assert [(e.coordinate.text, e.version, e.kind) for e in dry.effects] == [("2", 1, "pruned")]
        assert (await memory.stats())["total"] == 2
        assert (await memory.decay()).effects == dry.effects
        with pytest.raises(NotFound):
            await memory.get("2")
    with pytest.raises(Misconfigured, match="SFM_DECAY_KEYS_BY_LEVEL"):
        async with a_system(decay_thresholds_seconds=(60,)):
            pass


async def test_memories_are_found_by_place_and_by_words() -> None:
    async with a_system() as memory:
        for i, text in enumerate(["The kettle is broken", "a ketle", "tea"]):
            await memory.store((i, 0), {"n": i}, text=text)
        page = await memory.range((0, 0), "1,5", limit=1)
        assert [m.coordinate.text for m in page.memories] == ["0,0"]
        assert page.next_cursor is not None
        rest = await memory.range((0, 0), (1, 5), cursor=page.next_cursor)
        assert [m.coordinate.text for m in rest.memories] == ["1,0"]
        found = await memory.keyword_search("kettle")
        assert [hit.match.value for hit in found] == ["word", "fuzzy"]
        assert len(await memory.keyword_search("kettle", exact=True, filter={"n": 0})) == 1
        with pytest.raises(InvalidInput) as caught:
            await memory.keyword_search(" ")
        assert caught.value.faults[0].path == "/term"
        with pytest.raises(InvalidInput) as caught:
            await memory.range((1,), (0,))
        assert caught.value.faults[0].path == "/max/0"
