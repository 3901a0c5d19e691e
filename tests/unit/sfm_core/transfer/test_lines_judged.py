"""What a line may not say, and what it may say that is not taken over."""

import pytest

from sfm_core import decode
from sfm_core.coordinates import Coordinate
from sfm_core.decode.transfers import transfer_line
from sfm_core.errors import InvalidInput
from sfm_core.model import CarriedVersion, EventType, Json
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.transfer.transfers import exported, imported, ndjson

HERE = Coordinate("1")
ENDS = {EventType.DELETED, EventType.EXPIRED}
OF_LINKS = {EventType.LINKED, EventType.UNLINKED, EventType.ERASED}


def a_version(event: EventType, *, ended: bool) -> Json:
    line = {"sfm": "version", "event": event.value, "version": 1, "coordinate": [1]}
    line |= {"updated_at": "2024-01-01T00:00:00Z"}
    return line if ended else line | {"payload": {"a": 1}}


@pytest.mark.parametrize("event", [event for event in EventType if event not in OF_LINKS])
def test_an_end_says_nothing_and_whatever_is_no_end_says_something(event: EventType) -> None:
    line = transfer_line(a_version(event, ended=event in ENDS))
    assert isinstance(line, CarriedVersion)
    assert (line.event, line.draft is None) == (event, event in ENDS)
    with pytest.raises(InvalidInput) as raised:
        transfer_line(a_version(event, ended=event not in ENDS))
    assert [fault.path for fault in raised.value.faults] == ["/event"]


def test_a_version_that_no_counter_reaches_is_refused() -> None:
    line: Json = {"coordinate": [1], "payload": {}, "version": 2**54 + 1}
    with pytest.raises(InvalidInput) as raised:
        transfer_line(line)
    assert [fault.path for fault in raised.value.faults] == ["/version"]


async def test_what_was_imported_at_the_highest_version_and_changed_can_be_imported_again() -> None:
    async with twin_runtime() as runtime:
        line = {"coordinate": [1], "payload": {"v": 1}, "version": 2**53}
        await imported(runtime, "a", ndjson([line]))
        draft = decode.memory_draft({"payload": {"v": 2}})
        stored = await runtime.remember.store("a", HERE, draft)
        assert stored.version == 2**53 + 1
        text = await exported(runtime, "a")
        for _ in range(2):
            *_, summary = await imported(runtime, "b", text)
            assert (summary["failed"], summary["complete"]) == (0, True)
        again = await runtime.remember.get("b", HERE)
        assert (again.draft.payload, again.version) == ({"v": 2}, 2**53)
