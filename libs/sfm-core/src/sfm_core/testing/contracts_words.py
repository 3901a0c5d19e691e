"""What every WordSearch does over its RecordStore; each implementation's tests inherit this."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.filters import Op, Term
from sfm_core.model import Box, Delete, Kind, RecallQuery
from sfm_core.ports import RecordStore, WordSearch
from sfm_core.testing.writes import an_upsert, at

NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)


class Store(RecordStore, WordSearch, Protocol):
    """Both over the same memories."""


async def found(store: Store, namespace: str, question: str, **asked: Any) -> list[str]:  # noqa: ANN401
    """Coordinates of what is found, best first."""
    limit = asked.pop("limit", 50)
    query = RecallQuery(query=question, **asked)
    ids = list(await store.by_words(namespace, query, now=NOW, limit=limit))
    places = {memory_id(namespace, Coordinate.of([n])): str(n) for n in range(20)}
    return [places[one] for one in ids]


async def fill(store: Store, namespace: str) -> None:
    texts = [
        "Ada drinks green tea",
        "The kettle was drinking all the water",
        "Rain in Lisbon, again and again",
        "What is 100% of nothing? It's \\ & | ! ( ' : * nothing",
    ]
    await store.apply(
        namespace,
        [
            an_upsert(
                str(n),
                payload={"n": n},
                text=text,
                kind=Kind.SEMANTIC if n % 2 else Kind.EPISODIC,
                occurred_at=NOW - timedelta(days=10 - n),
            )
            for n, text in enumerate(texts)
        ],
    )


class WordSearchContract:
    async def test_any_shared_stem_is_enough_and_more_of_them_come_first(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        assert await found(store, namespace, "does Ada drink tea?", top_k=1) == ["0", "1"]
        assert await found(store, namespace, "drinks", top_k=1, limit=1) != []
        assert set(await found(store, namespace, "LISBON or a kettle", top_k=2)) == {"1", "2"}

    async def test_what_the_question_asks_beside_words_holds_before_the_limit(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        ask = "drink tea water Lisbon nothing"
        one = {"limit": 1, "top_k": 1}
        assert await found(store, namespace, ask, filter=Term("n", Op.EQ, 2), **one) == ["2"]
        box = Box(low=(2.5,), high=(3.5,))
        assert await found(store, namespace, ask, box=box, **one) == ["3"]
        assert await found(store, namespace, ask, box=Box(low=(0.0, 0.0), high=(9.0, 9.0))) == []
        assert set(await found(store, namespace, ask, kind=Kind.SEMANTIC)) == {"1", "3"}
        since = NOW - timedelta(days=8)
        assert set(await found(store, namespace, ask, since=since)) == {"2", "3"}
        assert set(await found(store, namespace, ask, until=since)) == {"0", "1"}

    async def test_the_deleted_the_expired_and_other_namespaces_are_not_found(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        await fill(store, f"{namespace}-other")
        await store.apply(namespace, [Delete(coordinate=at("0"))])
        await store.apply(namespace, [an_upsert("1", text="kettle drink", expires_at=NOW)])
        assert await found(store, namespace, "drink tea kettle", top_k=1) == []

    async def test_no_sign_in_a_question_is_taken_for_an_operator(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        for question in ("tea & !green | (", "'tea':*", "tea\\", "a' | 'b tea", "tea -- ; '' \"x"):
            assert "0" in await found(store, namespace, question, top_k=1), question

    async def test_a_question_of_no_words_at_all_is_no_error(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        for question in ("?", "the", " . ", "\u3000", "🙂"):
            await found(store, namespace, question)

    async def test_a_stretch_of_letters_is_found_where_no_word_is_shared(
        self, store: Store, namespace: str
    ) -> None:
        await fill(store, namespace)
        assert await found(store, namespace, "Lisbonn") == ["2"]
