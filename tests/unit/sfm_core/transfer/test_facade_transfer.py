"""Export and import by the facade."""

from pathlib import Path

import pytest

from sfm_core.errors import InvalidInput
from sfm_core.factory import MemoryMode, create_memory_system

CONFIG = {"postgres_url": "memory://", "embedder": "hash"}


async def test_a_namespace_goes_through_a_file(tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    async with create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "a", CONFIG) as memory:
        await memory.store((1, 2.5), {"said": "green tea"}, importance=3)
        await memory.store((2,), {"said": "walk"})
        pieces = [piece async for piece in memory.export(history=True, vectors=True)]
        file.write_bytes(b"".join(pieces))
        found = await memory.get((1, 2.5))
    async with create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "a", CONFIG) as other:
        with file.open("rb") as lines:
            results = [one async for one in other.import_lines(lines)]
        assert [one.get("outcome") for one in results] == ["created", "created", None]
        assert results[-1]["complete"] is True
        same = await other.get((1, 2.5))
        assert (same.draft, same.created_at, same.version, same.id) == (
            found.draft,
            found.created_at,
            found.version,
            found.id,
        )
        with pytest.raises(InvalidInput):
            [one async for one in other.import_lines([], mode="odd")]
