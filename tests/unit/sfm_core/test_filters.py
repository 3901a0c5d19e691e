"""The filter grammar: what parses, what is refused, what each comparison means."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sfm_core.errors import InvalidInput
from sfm_core.filters import (
    MAX_DEPTH,
    MAX_OPERANDS,
    MAX_TERMS,
    And,
    Attributes,
    Not,
    Op,
    Or,
    Term,
    lookup,
    matches,
    parse,
    payload_paths,
    to_json,
)
from sfm_core.model import Kind

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


ROW = Attributes(
    kind=Kind.EPISODIC,
    tags=("red", "blue"),
    session="s1",
    source=None,
    importance=1.0,
    created_at=NOON,
    updated_at=NOON + timedelta(hours=1),
    occurred_at=NOON - timedelta(days=1),
    pinned=False,
    payload={},
)


def admits(
    raw: object, payload: Mapping[str, object] | None = None, row: Attributes | None = None
) -> bool:
    return matches(parse(raw), row or replace(ROW, payload=payload or {}))


def faults(raw: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        parse(raw)
    return {fault.path: fault.message for fault in caught.value.faults}


# -- reading -------------------------------------------------------------------------------


def test_nothing_asked_admits_everything() -> None:
    assert parse({}) == And(())
    assert admits({})


def test_a_bare_value_is_equality_and_several_fields_are_joined_by_and() -> None:
    assert parse({"a": 1}) == Term("a", Op.EQ, 1)
    assert parse({"a": 1, "b.c": {"$gt": 2, "$lt": 5}}) == And(
        (Term("a", Op.EQ, 1), Term("b.c", Op.GT, 2), Term("b.c", Op.LT, 5))
    )


def test_connectives_nest() -> None:
    raw = {"$or": [{"a": 1}, {"$not": {"$and": [{"b": [1, "x"]}, {}]}}]}
    inner = And((Term("b", Op.EQ, (1, "x")), And(())))
    assert parse(raw) == Or((Term("a", Op.EQ, 1), Not(inner)))


def test_times_become_instants() -> None:
    parsed = parse({"@created_at": {"$in": ["2026-05-01T14:00:00+02:00", "2026-05-01T12:00:00Z"]}})
    assert parsed == Term("@created_at", Op.IN, (NOON, NOON))


def test_terms_tell_numbers_from_booleans() -> None:
    different = [parse({"a": value}) for value in (1, True, "1", [1], [True], 1.0)]
    assert all(one != other for one, other in combinations(different, 2))
    assert len(set(different)) == len(different)


def test_paths_of_the_payload_are_listed() -> None:
    assert payload_paths(parse({"@pinned": True, "$not": {"a.b": 1, "c": 2}})) == {"a.b", "c"}


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ([], "/filter", "must be an object"),
        (None, "/filter", "must be an object"),
        ("a", "/filter", "must be an object"),
        ({"$nor": []}, "/filter/$nor", "is not an operator"),
        ({"$and": []}, "/filter/$and", "at least one"),
        ({"$or": {}}, "/filter/$or", "at least one"),
        ({"$or": "ab"}, "/filter/$or", "at least one"),
        ({"$and": [1]}, "/filter/$and/0", "must be an object"),
        ({"$not": []}, "/filter/$not", "must be an object"),
        ({"@kin": "x"}, "/filter/@kin", "not a system field"),
        ({"": 1}, "/filter/", "empty key"),
        ({"a..b": 1}, "/filter/a..b", "empty key"),
        ({"a.": 1}, "/filter/a.", "empty key"),
        ({"x" * 513: 1}, "/filter/" + "x" * 513, "longer than 512"),
        ({5: 1}, "/filter/5", "not a field name"),
        ({"a/b~": {"$regex": "x"}}, "/filter/a~1b~0/$regex", "is not an operator"),
        ({"a": {}}, "/filter/a", "names no operator"),
        ({"a": {"b": 1}}, "/filter/a/b", "dotted paths"),
        ({"a": {"$not": {"$gt": 1}}}, "/filter/a/$not", "stands outside"),
        ({"a": {"$eq": {"b": 1}}}, "/filter/a/$eq", "must be null"),
        ({"a": [[1]]}, "/filter/a", "must be null"),
        ({"a": {"$in": 1}}, "/filter/a/$in", "must be an array"),
        ({"a": {"$in": "ab"}}, "/filter/a/$in", "must be an array"),
        ({"a": {"$nin": [[1]]}}, "/filter/a/$nin", "must be null"),
        ({"a": {"$in": [0] * (MAX_OPERANDS + 1)}}, "/filter/a/$in", "more than 1000"),
        ({"a": {"$gt": None}}, "/filter/a/$gt", "number or a string"),
        ({"a": {"$lt": True}}, "/filter/a/$lt", "number or a string"),
        ({"a": {"$lte": [1]}}, "/filter/a/$lte", "number or a string"),
        ({"a": {"$exists": 1}}, "/filter/a/$exists", "true or false"),
        ({"a": {"$contains": ["x"]}}, "/filter/a/$contains", "must be null"),
        ({"a": float("nan")}, "/filter/a", "finite"),
        ({"a": {"$gte": float("inf")}}, "/filter/a/$gte", "finite"),
        ({"a": 2**63}, "/filter/a", "64-bit"),
        ({"@kind": "dream"}, "/filter/@kind", "episodic or semantic"),
        ({"@kind": {"$gt": "a"}}, "/filter/@kind/$gt", "does not go with"),
        ({"@pinned": 1}, "/filter/@pinned", "true or false"),
        ({"@pinned": {"$contains": True}}, "/filter/@pinned/$contains", "does not go with"),
        ({"@tags": ["a"]}, "/filter/@tags", "must be a string"),
        ({"@session": None}, "/filter/@session", "must be a string"),
        ({"@source": {"$gt": 1}}, "/filter/@source/$gt", "must be a string"),
        ({"@importance": "1"}, "/filter/@importance", "must be a number"),
        ({"@importance": True}, "/filter/@importance", "must be a number"),
        ({"@occurred_at": 5}, "/filter/@occurred_at", "ISO 8601"),
        ({"@occurred_at": "2026-05-01T12:00:00"}, "/filter/@occurred_at", "offset"),
        ({"@created_at": {"$gt": "0001-01-01T00:00+14:00"}}, "/filter/@created_at/$gt", "ISO"),
        ({"@updated_at": {"$in": ["soon"]}}, "/filter/@updated_at/$in", "ISO 8601"),
    ],
)
def test_what_breaks_the_grammar_is_named_with_its_path(
    raw: object, path: str, message: str
) -> None:
    found = faults(raw)
    assert list(found) == [path]
    assert message in found[path]


def test_every_fault_is_reported_at_once_up_to_a_bound() -> None:
    assert set(faults({"a": {"$x": 1, "$gt": None}, "@b": 1, "$or": [{"c": {}}, 3]})) == {
        "/filter/a/$x",
        "/filter/a/$gt",
        "/filter/@b",
        "/filter/$or/0/c",
        "/filter/$or/1",
    }
    assert len(faults({"$or": [None] * 500})) == 32


def test_the_path_of_the_filter_in_the_request_is_the_callers() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse({"a": {}}, path="/queries/3/filter")
    assert caught.value.faults[0].path == "/queries/3/filter/a"


def test_there_are_at_most_sixteen_comparisons() -> None:
    fields: dict[str, object] = {f"f{n}": {"$gt": n, "$lt": n + 9} for n in range(MAX_TERMS // 2)}
    parse(fields)
    assert "more than 16" in faults({**fields, "one.more": 1})["/filter"]


def test_nesting_is_bounded() -> None:
    raw: dict[str, Any] = {"a": 1}
    for _ in range(MAX_DEPTH):
        raw = {"$not": raw}
    parse(raw)
    assert "deeper than 8" in next(iter(faults({"$not": raw}).values()))
    assert "deeper than 8" in faults({"b": 1, **raw})["/filter"]
    for _ in range(10_000):
        raw = {"$and": [raw]}
    assert "deeper than 8" in next(iter(faults(raw).values()))


# -- meaning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        ({"a": 1}, "a", (1,)),
        ({"a": 1}, "b", ()),
        ({"a": {"b": None}}, "a.b", (None,)),
        ({"a": None}, "a.b", ()),
        ({"a": "text"}, "a.b", ()),
        ({"a": []}, "a", ((),)),
        ({"a": [1, "x"]}, "a", ((1, "x"),)),
        ({"a": [{"b": 1}, {"c": 2}, 3, {"b": [4]}]}, "a.b", (1, (4,))),
        ({"a": [[{"b": 1}]]}, "a.b", ()),
        ({"a": [5, 6]}, "a.0", ()),
        ({"a": {"0": 7}}, "a.0", (7,)),
        ({"a.b": 1}, "a.b", ()),
        ({"a": {"@x": 1}}, "a.@x", (1,)),
        ({"a": 1e23}, "a", (10**23,)),
    ],
)
def test_a_path_reaches_these_values(
    payload: dict[str, object], path: str, expected: tuple[object, ...]
) -> None:
    assert lookup(payload, path) == expected


TRUE_OF = [
    ({"a": 1}, {"a": 1.0}),
    ({"a": 0}, {"a": -0.0}),
    ({"a": True}, {"a": True}),
    ({"a": None}, {"a": None}),
    ({"a": None}, {"a": [None]}),
    ({"a": "x"}, {"a": ["y", "x"]}),
    ({"a": ["y", "x"]}, {"a": ["y", "x"]}),
    ({"a": [1, True]}, {"a": [1.0, True]}),
    ({"a": [1]}, {"a": [[1], 2]}),
    ({"a": []}, {"a": []}),
    ({"a": []}, {"a": [[]]}),
    ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}),
    ({"a.b": 2}, {"a": [{"b": [1, 2]}]}),
    ({"a": 10**18 + 1}, {"a": 10**18 + 1}),
    ({"a": 1e18}, {"a": 10**18}),
    ({"a": {"$ne": 1}}, {"a": 2}),
    ({"a": {"$ne": 1}}, {}),
    ({"a": {"$ne": 1}}, {"a": True}),
    ({"a": {"$in": [1, None]}}, {"a": None}),
    ({"a": {"$in": ["x", 3]}}, {"a": [[], 3.0]}),
    ({"a": {"$nin": []}}, {"a": 1}),
    ({"a": {"$nin": [1, "x"]}}, {"b": 1}),
    ({"a": {"$gt": 1}}, {"a": 1.5}),
    ({"a": {"$gte": 1.0}}, {"a": 1}),
    ({"a": {"$lt": "b"}}, {"a": "B"}),
    ({"a": {"$gt": "z"}}, {"a": "é"}),
    ({"a": {"$gt": "\uffff"}}, {"a": "\U00010000"}),
    ({"a": {"$gt": 3, "$lt": 1}}, {"a": [0, 4]}),
    ({"a": {"$gt": 2.0**53}}, {"a": 2**53 + 1}),
    ({"a": {"$lt": 1.2345678901234567e18}}, {"a": 1234567890123456699}),
    ({"a": {"$exists": True}}, {"a": None}),
    ({"a": {"$exists": True}}, {"a": []}),
    ({"a": {"$exists": True}}, {"a": {}}),
    ({"a.b": {"$exists": True}}, {"a": [1, {"b": None}]}),
    ({"a": {"$exists": False}}, {}),
    ({"a.b": {"$exists": False}}, {"a": 1}),
    ({"a": {"$contains": "ell"}}, {"a": "hello"}),
    ({"a": {"$contains": ""}}, {"a": "hello"}),
    ({"a": {"$contains": "ell"}}, {"a": [1, "hello"]}),
    ({"a": {"$contains": 1}}, {"a": [1.0]}),
    ({"a": {"$contains": None}}, {"a": [None]}),
    ({"a": {"$contains": True}}, {"a": [True]}),
    ({"$not": {"a": {"$gt": 1}}}, {"a": "text"}),
    ({"$not": {"a": 1}}, {}),
    ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 2}),
    ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
]
FALSE_OF = [
    ({"a": 1}, {"a": True}),
    ({"a": True}, {"a": 1}),
    ({"a": False}, {"a": 0}),
    ({"a": 1}, {"a": "1"}),
    ({"a": None}, {}),
    ({"a": None}, {"a": []}),
    ({"a": []}, {"a": [1]}),
    ({"a": 1}, {"a": [[1]]}),
    ({"a": [1]}, {"a": [[[1]]]}),
    ({"a": ["x", "y"]}, {"a": ["y", "x"]}),
    ({"a": "é"}, {"a": "e\u0301"}),
    ({"a": "x"}, {"a": "X"}),
    ({"a": 2.0**53}, {"a": 2**53 + 1}),
    ({"a": 1.2345678901234567e18}, {"a": 1234567890123456768}),
    ({"a": {"$ne": 1}}, {"a": [2, 1]}),
    ({"a": {"$in": []}}, {"a": 1}),
    ({"a": {"$in": [1]}}, {"a": True}),
    ({"a": {"$nin": [None]}}, {"a": None}),
    ({"a": {"$gt": 1}}, {"a": "2"}),
    ({"a": {"$gt": 0}}, {"a": True}),
    ({"a": {"$gte": "a"}}, {"a": 5}),
    ({"a": {"$lt": 5}}, {}),
    ({"a": {"$lt": 5}}, {"a": None}),
    ({"a": {"$gt": 1}}, {"a": [[2]]}),
    ({"a": {"$exists": False}}, {"a": None}),
    ({"a.b": {"$exists": True}}, {"a": []}),
    ({"a": {"$contains": "ELL"}}, {"a": "hello"}),
    ({"a": {"$contains": 1}}, {"a": 1}),
    ({"a": {"$contains": 1}}, {"a": [True]}),
    ({"a": {"$contains": "x"}}, {"a": {"x": 1}}),
    ({"a": {"$contains": "x"}}, {"a": [["x"]]}),
    ({"$not": {}}, {}),
    ({"$or": [{"a": 1}, {"b": 2}]}, {"a": 2}),
    ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1}),
]


@pytest.mark.parametrize(("raw", "payload"), TRUE_OF)
def test_the_filter_admits_the_payload(raw: dict[str, object], payload: dict[str, object]) -> None:
    assert admits(raw, payload)
    assert not admits({"$not": raw}, payload)


@pytest.mark.parametrize(("raw", "payload"), FALSE_OF)
def test_the_filter_refuses_the_payload(raw: dict[str, object], payload: dict[str, object]) -> None:
    assert not admits(raw, payload)
    assert admits({"$not": raw}, payload)


def test_system_fields_are_compared() -> None:
    assert admits({"@kind": "episodic"})
    assert not admits({"@kind": "semantic"})
    assert {kind.value for kind in Kind} == {"episodic", "semantic"}
    assert admits({"@tags": "red"})
    assert admits({"@tags": {"$contains": "lu"}})
    assert not admits({"@tags": {"$nin": ["blue"]}})
    assert not admits({"@tags": {"$exists": True}}, row=replace(ROW, tags=()))
    assert admits({"@session": {"$gte": "s"}, "@source": {"$exists": False}})
    assert admits({"@source": {"$ne": "tool"}})
    assert not admits({"@source": {"$contains": ""}})
    assert admits({"@importance": 1, "@pinned": False})
    assert not admits({"@pinned": True})


def test_times_are_compared_as_instants() -> None:
    abroad = replace(ROW, created_at=NOON.astimezone(timezone(timedelta(hours=9))))
    assert admits({"@created_at": "2026-05-01T21:00:00+09:00"})
    assert admits({"@created_at": "2026-05-01T12:00:00Z"}, row=abroad)
    assert admits({"@updated_at": {"$gt": "2026-05-01T12:59:59.999999Z"}})
    assert not admits({"@updated_at": {"$gt": "2026-05-01T13:00:00Z"}})
    assert admits({"@occurred_at": {"$lte": "2026-04-30T12:00:00Z", "$exists": True}})


# -- writing -------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
FIELDS = st.sampled_from(["a", "b.c", "é.0", "x/y~z"])
COMPARISONS = st.one_of(
    st.fixed_dictionaries({}, optional={"$eq": SCALARS, "$contains": SCALARS, "$gt": st.text()}),
    st.fixed_dictionaries({"$in": st.lists(SCALARS, max_size=3), "$exists": st.booleans()}),
    SCALARS,
    st.lists(SCALARS, max_size=3),
).filter(lambda value: value != {})
TIMES = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
OBJECTS = st.dictionaries(FIELDS, COMPARISONS, max_size=3) | TIMES.map(
    lambda time: {"@created_at": {"$lt": time}}
)
RAW = st.recursive(
    OBJECTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=4,
)


@given(RAW)
def test_a_filter_written_out_is_read_back_as_itself(raw: dict[str, object]) -> None:
    try:
        parsed = parse(raw)
    except InvalidInput:
        reject()  # too many comparisons, or too deep
    assert parse(json.loads(json.dumps(to_json(parsed)))) == parsed


@given(st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_whatever_json_comes_it_is_a_filter_or_invalid_input(raw: object) -> None:
    try:
        parsed = parse(raw)
    except InvalidInput as error:
        paths = [fault.path for fault in error.faults]
    else:
        paths = ["/filter"]
        assert matches(parsed, ROW) is not matches(Not(parsed), ROW)
    assert paths
    assert all(path.startswith("/filter") for path in paths)
