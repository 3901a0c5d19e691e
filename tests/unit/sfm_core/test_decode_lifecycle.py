"""Patches, restores, histories and selections: what is taken, and what is refused by path."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sfm_core import decode
from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.filters import parse
from sfm_core.model import HistoryQuery, MemoryPatch, Selection

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def paths(refused: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [fault.path for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("raw", "patch"),
    [
        ({"importance": -2}, MemoryPatch(importance=-2.0)),
        ({"pinned": False}, MemoryPatch(pinned=False)),
        ({"tags": []}, MemoryPatch(tags=())),
        ({"tags": ["b", "a", "b"]}, MemoryPatch(tags=("b", "a"))),
        ({"expires_at": "2026-05-01T02:00:00+02:00"}, MemoryPatch(expires_at=MAY)),
        ({"expires_at": None}, MemoryPatch(never_expires=True)),
        ({"payload": {}}, MemoryPatch(payload={})),
        ({"payload": {"a": None}}, MemoryPatch(payload={"a": None})),
    ],
)
def test_a_patch_says_what_is_to_change(raw: object, patch: MemoryPatch) -> None:
    assert decode.memory_patch(raw) == patch


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, ""),
        ([], ""),
        (None, ""),
        ({"importance": None}, "/importance"),
        ({"importance": True}, "/importance"),
        ({"importance": float("nan")}, "/importance"),
        ({"pinned": None}, "/pinned"),
        ({"pinned": 1}, "/pinned"),
        ({"tags": None}, "/tags"),
        ({"tags": ["a", ""]}, "/tags/1"),
        ({"tags": ["t"] * 33}, "/tags"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": 5}, "/expires_at"),
        ({"payload": None}, "/payload"),
        ({"payload": [1]}, "/payload"),
        ({"payload": {"a": "\x00"}}, "/payload/a"),
        ({"payload": {"a": 2**63}}, "/payload/a"),
        ({"pinned": True, "kind": "semantic"}, "/kind"),
        ({"pinned": True, "text": "x"}, "/text"),
        ({"pinned": True, "session": "x"}, "/session"),
        ({"pinned": True, "source": "x"}, "/source"),
        ({"pinned": True, "occurred_at": "2026-05-01T00:00:00Z"}, "/occurred_at"),
        ({"pinned": True, "coordinate": [1]}, "/coordinate"),
        ({"pinned": True, "version": 3}, "/version"),
        ({"pinned": True, "colour": 3}, "/colour"),
    ],
)
def test_a_patch_is_refused_by_path(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode.memory_patch(raw)
    assert paths(refused) == [path]


def test_all_faults_of_a_patch_come_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        decode.memory_patch({"tags": 1, "importance": "x", "text": "t"})
    assert sorted(paths(refused)) == ["/importance", "/tags", "/text"]
    assert "store the memory anew" in str(refused.value.faults)


def test_a_restore_names_a_version() -> None:
    assert decode.restored_version({"version": 3}) == 3
    assert decode.restored_version({"version": 3.0}) == 3


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "/version"),
        ([], ""),
        ({"version": 0}, "/version"),
        ({"version": None}, "/version"),
        ({"version": True}, "/version"),
        ({"version": "1"}, "/version"),
        ({"version": 1.5}, "/version"),
        ({"version": 1, "force": True}, "/force"),
    ],
)
def test_a_restore_is_refused_by_path(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode.restored_version(raw)
    assert paths(refused) == [path]


@pytest.mark.parametrize(
    ("raw", "selection"),
    [
        (
            {"coordinates": [[1, 2.5], [-0.0], [1, 2.50]]},
            Selection(coordinates=(Coordinate("1,2.5"), Coordinate("0"))),
        ),
        ({"filter": {"a": 1}}, Selection(filter=parse({"a": 1}))),
        ({"all": True}, Selection()),
    ],
)
def test_a_selection_is_one_of_three(raw: object, selection: Selection) -> None:
    assert decode.selection(raw) == selection


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, ""),
        ([], ""),
        ({"all": True, "filter": {"a": 1}}, ""),
        ({"coordinates": [[1]], "all": True}, ""),
        ({"all": False}, "/all"),
        ({"all": 1}, "/all"),
        ({"all": None}, "/all"),
        ({"coordinates": []}, "/coordinates"),
        ({"coordinates": None}, "/coordinates"),
        ({"coordinates": "1,2"}, "/coordinates"),
        ({"coordinates": [[1]] * 1001}, "/coordinates"),
        ({"coordinates": [1, 2]}, "/coordinates/0"),
        ({"coordinates": [[1], [1, "x"]]}, "/coordinates/1/1"),
        ({"coordinates": [[]]}, "/coordinates/0"),
        ({"filter": {}}, "/filter"),
        ({"filter": None}, "/filter"),
        ({"filter": {"$or": [{}, {"a": 1}]}}, "/filter"),
        ({"filter": {"a": {"$nin": []}}}, "/filter"),
        ({"filter": {"a": {"$like": 1}}}, "/filter/a/$like"),
        ({"all": True, "kind": "episodic"}, "/kind"),
    ],
)
def test_a_selection_is_refused_by_path(raw: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode.selection(raw)
    assert path in paths(refused)


def test_a_filter_that_admits_nothing_is_no_danger() -> None:
    assert decode.selection({"filter": {"a": {"$in": []}}}).filter is not None


def test_a_history_is_asked_for_in_pages() -> None:
    assert decode.history_query({}) == HistoryQuery(limit=20, before=None)
    asked = decode.history_query({"limit": "100", "before": "7"})
    assert asked == HistoryQuery(limit=100, before=7)
    assert decode.version_asked({}) is None
    assert decode.version_asked({"version": "12"}) == 12


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "101"}, "/limit"),
        ({"limit": "x"}, "/limit"),
        ({"limit": ""}, "/limit"),
        ({"limit": "٣"}, "/limit"),
        ({"before": "0"}, "/before"),
        ({"before": "-1"}, "/before"),
        ({"before": "9" * 19}, "/before"),
        ({"cursor": "x"}, "/cursor"),
    ],
)
def test_a_history_is_refused_by_path(params: dict[str, str], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode.history_query(params)
    assert paths(refused) == [path]
    with pytest.raises(InvalidInput):
        decode.version_asked({"version": "0"})
