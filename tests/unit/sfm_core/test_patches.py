"""Merge patches against RFC 7396, and what a patch makes of a memory."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core import jsontext
from sfm_core.errors import InvalidInput, TooLarge
from sfm_core.model import Kind, MemoryDraft, MemoryPatch
from sfm_core.remember.patches import merge_patch, patched

LEAVES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
DRAFT = MemoryDraft(
    payload={"a": 1, "s": "tea"},
    kind=Kind.SEMANTIC,
    importance=2.0,
    tags=("x",),
    session="s",
    expires_at=MAY,
    pinned=True,
)


def rfc_7396(target: Any, patch: Any) -> Any:
    """The pseudo-code of section 2, as it stands there."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        target = dict(target)
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = rfc_7396(target.get(name), value)
        return target
    return patch


@given(target=OBJECTS, patch=OBJECTS)
def test_merging_is_that_of_the_rfc_and_leaves_its_arguments_alone(
    target: dict[str, Any], patch: dict[str, Any]
) -> None:
    before = jsontext.dumps([target, patch])
    merged = merge_patch(target, patch)
    assert jsontext.dumps(merged) == jsontext.dumps(rfc_7396(target, patch))
    assert jsontext.dumps(merge_patch(merged, patch)) == jsontext.dumps(merged)
    assert jsontext.dumps([target, patch]) == before


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "b"}, {"a": {"c": [None]}}, {"a": {"c": [None]}}),
    ],
)
def test_the_examples_of_the_rfc_hold(
    target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("patch", "change"),
    [
        (MemoryPatch(importance=0.0), {"importance": 0.0}),
        (MemoryPatch(pinned=False), {"pinned": False}),
        (MemoryPatch(tags=()), {"tags": ()}),
        (MemoryPatch(tags=("y", "z")), {"tags": ("y", "z")}),
        (MemoryPatch(expires_at=MAY.replace(year=2027)), {"expires_at": MAY.replace(year=2027)}),
        (MemoryPatch(never_expires=True), {"expires_at": None}),
        (MemoryPatch(payload={"a": None, "b": 2}), {"payload": {"s": "tea", "b": 2}}),
    ],
)
def test_a_patch_changes_what_it_names_and_nothing_else(
    patch: MemoryPatch, change: dict[str, Any]
) -> None:
    assert patched(DRAFT, patch) == replace(DRAFT, **change)


@pytest.mark.parametrize(
    "patch",
    [
        MemoryPatch(),
        MemoryPatch(payload={}),
        MemoryPatch(payload={"a": 1, "gone": None}),
        MemoryPatch(importance=2.0, pinned=True, tags=("x",), expires_at=MAY),
    ],
)
def test_a_patch_that_changes_nothing_is_none(patch: MemoryPatch) -> None:
    assert patched(DRAFT, patch) is None


@pytest.mark.parametrize("value", [1.0, True, "1"])
def test_what_python_takes_for_equal_is_a_change_all_the_same(value: object) -> None:
    after = patched(DRAFT, MemoryPatch(payload={"a": value}))  # type: ignore[dict-item]
    assert after is not None
    assert repr(after.payload["a"]) == repr(value)


def test_patches_cannot_grow_a_payload_beyond_what_one_request_may_bring() -> None:
    deep: dict[str, Any] = {}
    for _ in range(31):
        deep = {"d": deep}
    many = {f"k{i}": 1 for i in range(9_999)}
    with pytest.raises(InvalidInput, match="/payload"):
        patched(replace(DRAFT, payload={"d": deep}), MemoryPatch(payload={"d": {"d": deep}}))
    with pytest.raises(InvalidInput, match="/payload"):
        patched(replace(DRAFT, payload=many), MemoryPatch(payload={"b": 1, "c": 1}))
    half = {"n": ["x" * 100] * 6_000}
    draft = replace(DRAFT, payload=half, text="short")
    with pytest.raises(TooLarge):
        patched(draft, MemoryPatch(payload={"m": half["n"]}))
    with pytest.raises(InvalidInput, match="with a text") as refused:
        patched(
            replace(DRAFT, payload={"t": "x" * 200_000}), MemoryPatch(payload={"u": "x" * 70_000})
        )
    assert [fault.path for fault in refused.value.faults] == ["/payload"]


def test_what_came_large_in_a_batch_may_still_be_patched_as_long_as_it_does_not_grow() -> None:
    large = replace(DRAFT, payload={"n": ["x" * 100] * 11_000, "a": 1}, text="short")
    assert patched(large, MemoryPatch(pinned=False)) is not None
    assert patched(large, MemoryPatch(payload={"a": None})) is not None
    with pytest.raises(TooLarge):
        patched(large, MemoryPatch(payload={"b": 1}))
