"""What becomes of a line, by what is stored."""

import pytest

from sfm_core.model import ImportMode
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.transfer.transfers import exported, imported, lines, ndjson

AT = "2024-01-01T00:00:00.000000Z"
BEFORE = "2023-01-01T00:00:00.000000Z"


def version(number: int, **said: object) -> dict[str, object]:
    return {
        "sfm": "version", "event": "updated", "coordinate": [1], "version": number,
        "updated_at": AT, "payload": {"n": number},
    } | said  # fmt: skip


async def test_of_versions_of_one_instant_the_higher_is_the_newer() -> None:
    file = ndjson([version(1), version(2), version(3, latest=True)])
    async with twin_runtime() as runtime:
        *results, _ = await imported(runtime, "a", file)
        assert [result["version"] for result in results] == [1, 2, 3]
        *again, _ = await imported(runtime, "a", file)
        assert [result["outcome"] for result in again] == ["unchanged"] * 3


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_neither_versions_nor_times_of_a_place_go_backwards(mode: ImportMode) -> None:
    async with twin_runtime() as runtime:
        await imported(runtime, "a", ndjson([version(7, latest=True)]))
        older = {"coordinate": [1], "version": 2, "updated_at": BEFORE, "payload": {"v": "old"}}
        [result, _] = await imported(runtime, "a", ndjson([older]), mode)
        assert result["outcome"] == ("kept" if mode is ImportMode.MERGE else "updated")
        history = lines(await exported(runtime, "a", history=True))[1:-1]
        assert [line["version"] for line in history] == [7, 8][: len(history)]
        assert {line["updated_at"] for line in history} == {AT}
