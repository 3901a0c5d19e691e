"""Imports among others who write, and with stores that do not answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sfm_core import decode
from sfm_core.adapters.inmemory_archive import InMemoryArchive
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import NotFound, Unavailable
from sfm_core.model import Occupant
from sfm_core.transfer import Imports, importing
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.transfer.transfers import imported, ndjson

HERE = Coordinate.parse("1")


class Disturbed(InMemoryArchive):
    """After each look something happens."""

    def __init__(self, inner: object, then: Callable[[], Awaitable[None]]) -> None:
        assert isinstance(inner, InMemoryArchive)
        super().__init__(inner._store)
        self._then = then

    async def standing(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Occupant]:
        found = await super().standing(namespace, coordinates)
        await self._then()
        return found


async def results(
    runtime: Runtime, then: Callable[[], Awaitable[None]], *documents: object
) -> list[dict[str, Any]]:
    async def source() -> AsyncIterator[bytes]:
        yield ndjson(documents)

    landing = runtime.imports.landing
    imports = Imports(landing=replace(landing, archive=Disturbed(landing.archive, then)))
    found = imports.results("a", source())
    return [dict(one) async for part in found for one in part]


def line(**said: object) -> dict[str, object]:
    at = "2024-01-01T00:00:00Z"
    return {"coordinate": [1], "payload": {"v": "file"}, "version": 1, "updated_at": at} | said


@pytest.mark.parametrize("deleted_before", [False, True])
async def test_what_is_stored_and_deleted_between_look_and_write_stays_deleted(
    deleted_before: bool,
) -> None:
    async with twin_runtime() as runtime:
        times = 0

        async def came_and_went() -> None:
            nonlocal times
            times += 1
            if times == 1:
                draft = decode.memory_draft({"payload": {"v": "theirs"}})
                await runtime.remember.store("a", HERE, draft)
                await runtime.remember.delete("a", HERE)

        if deleted_before:
            old = {"sfm": "version", "coordinate": [1], "updated_at": "2023-01-01T00:00:00Z"}
            said = {"event": "created", "version": 1, "payload": {"v": "old"}}
            gone = {"event": "deleted", "version": 2}
            await imported(runtime, "a", ndjson([old | said, old | gone]))
        [result, _] = await results(runtime, came_and_went, line())
        assert result["outcome"] == "kept"
        with pytest.raises(NotFound):
            await runtime.remember.get("a", HERE)


@pytest.mark.parametrize("stored_before", [False, True])
async def test_what_is_written_between_look_and_write_is_newer_and_stays(
    stored_before: bool,
) -> None:
    async with twin_runtime() as runtime:
        times = 0

        async def stored() -> None:
            nonlocal times
            times += 1
            if times == 1:
                draft = decode.memory_draft({"payload": {"v": "theirs"}})
                await runtime.remember.store("a", HERE, draft)

        if stored_before:
            old = line(updated_at="2023-01-01T00:00:00Z", payload={"v": "old"})
            await imported(runtime, "a", ndjson([old]))
        [result, _] = await results(runtime, stored, line())
        assert result["outcome"] == "kept"
        assert (await runtime.remember.get("a", HERE)).draft.payload == {"v": "theirs"}


async def test_a_place_that_never_comes_to_rest_is_a_conflict_of_its_line() -> None:
    async with twin_runtime() as runtime:
        n = 0

        async def stored() -> None:
            nonlocal n
            n += 1
            draft = decode.memory_draft({"payload": {"v": n}})
            await runtime.remember.store("a", HERE, draft)

        later = line(updated_at="2999-01-01T00:00:00Z")
        other = line(coordinate=[2])
        first, second, summary = await results(runtime, stored, later, other)
        assert (first["status"], second["status"]) == (409, 201)
        assert (summary["failed"], summary["created"]) == (1, 1)


async def test_an_outage_is_waited_out_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PAUSES_S", (0.0, 0.0))
    async with twin_runtime() as runtime:
        outages = 2

        async def down() -> None:
            nonlocal outages
            outages -= 1
            if outages >= 0:
                raise Unavailable("down")

        [result, summary] = await results(runtime, down, line())
        assert (result["outcome"], summary["created"]) == ("created", 1)
        outages = 100
        lines = [line(coordinate=[i]) for i in range(3)]
        [summary] = await results(runtime, down, *lines)
        assert (summary["error"]["status"], summary["lines"], summary["complete"]) == (
            503,
            0,
            False,
        )


async def test_given_vectors_are_used_when_they_are_of_the_model_and_else_not() -> None:
    async with twin_runtime() as one, twin_runtime() as other:
        draft = decode.memory_draft({"payload": {"said": "green tea"}})
        await one.remember.store("a", HERE, draft)
        pieces = one.exports.lines("a", vectors=True)
        file = b"".join([piece async for piece in pieces])
        texts = 0
        embed = other.embedder.embed

        async def counted(asked: Any) -> Any:
            nonlocal texts
            texts += len(asked)
            return await embed(asked)

        landing = other.imports.landing

        class Counting:
            info = landing.embedder.info
            embed = staticmethod(counted)

        imports = Imports(landing=replace(landing, embedder=Counting()))

        async def taken(namespace: str, lines: bytes) -> int:
            nonlocal texts
            texts = 0

            async def source() -> AsyncIterator[bytes]:
                yield lines

            parts = [part async for part in imports.results(namespace, source())]
            assert parts[0][0]["outcome"] == "created"
            return texts

        revision = other.embedder.info.model_revision.encode()
        assert await taken("a", file) == 0
        assert await taken("b", file.replace(revision, b"another")) == 1
        assert await taken("c", file.partition(b"\n")[2]) == 1, "no header: of no known model"
        zeros = b'"vector":"' + b"A" * 2048 + b'"'
        head, _, rest = file.partition(b'"vector":"')
        assert await taken("d", head + zeros + rest.partition(b'"')[2]) == 1
        short = b'"vector":"AACAPw=="'
        assert await taken("e", head + short + rest.partition(b'"')[2]) == 1
