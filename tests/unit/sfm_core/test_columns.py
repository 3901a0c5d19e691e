"""Attribute columns against the reference: a mask is `matches`, row by row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core import coded as coded_module
from sfm_core import columns as columns_module
from sfm_core.columns import KIND_CODES, NEVER, Columns, Draft
from sfm_core.filters import (
    And,
    Attributes,
    Filter,
    Not,
    Op,
    Or,
    Reached,
    Term,
    matches,
    parse,
    payload_paths,
    predicate,
)
from sfm_core.model import I32, Kind, Mask
from sfm_core.times import microseconds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROW = Attributes(
    kind=Kind.EPISODIC,
    tags=(),
    session=None,
    source=None,
    importance=1.0,
    created_at=NOON,
    updated_at=NOON,
    occurred_at=NOON,
    pinned=False,
    payload={},
)

BIG = [2**53, 2**53 + 1, 2.0**53, 1.2345678901234567e18, 1234567890123456700, 2**63 - 1]
SCALARS = (
    st.sampled_from([None, True, False, 0, 1, -0.0, 1.0, 0.5, "", "a", "ab", "é", "東", *BIG])
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="ab\U00010000\uffff", max_size=3)
)
KEYS = st.sampled_from(["a", "b", "é"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
PAYLOADS = st.dictionaries(KEYS, VALUES, max_size=3)
TIMES = st.sampled_from([NOON + timedelta(microseconds=n) for n in (-1, 0, 1)]) | st.datetimes(
    timezones=st.just(UTC)
)
WORDS = st.sampled_from(["", "red", "blue", "RED", "é"])
IMPORTANCES = st.sampled_from([0.0, 1.0, 2.0**53, 1.2345678901234567e18, 1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)
ROWS = st.builds(
    Attributes,
    kind=st.sampled_from(Kind),
    tags=st.lists(WORDS, max_size=2).map(tuple),
    session=st.none() | WORDS,
    source=st.none() | WORDS,
    importance=IMPORTANCES,
    created_at=TIMES,
    updated_at=TIMES,
    occurred_at=TIMES,
    pinned=st.booleans(),
    payload=PAYLOADS,
    expires_at=st.none() | TIMES,
)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(".".join)


def comparisons(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.one_of(
        st.fixed_dictionaries({"$eq": values}),
        st.fixed_dictionaries({"$ne": values}),
        st.fixed_dictionaries({"$in": st.lists(values, max_size=3)}),
        st.fixed_dictionaries({"$nin": st.lists(values, max_size=3)}),
        st.fixed_dictionaries({"$exists": st.booleans()}),
    )


def orderings(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    operators = st.sampled_from(["$gt", "$gte", "$lt", "$lte"])
    return st.dictionaries(operators, values, min_size=1, max_size=2)


NUMBERS = (SCALARS | IMPORTANCES).filter(lambda v: isinstance(v, int | float) and v is not True)
NUMBERS = NUMBERS.filter(lambda v: v is not False)
ORDERED = NUMBERS | SCALARS.filter(lambda v: isinstance(v, str))
ISO = TIMES.map(datetime.isoformat)
TERMS: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.fixed_dictionaries({"@kind": comparisons(st.sampled_from(["episodic", "semantic"]))}),
    st.fixed_dictionaries({"@pinned": comparisons(st.booleans())}),
    st.dictionaries(
        st.sampled_from(["@tags", "@session", "@source"]),
        comparisons(WORDS) | orderings(WORDS) | st.fixed_dictionaries({"$contains": WORDS}),
        min_size=1,
    ),
    st.fixed_dictionaries({"@importance": comparisons(NUMBERS) | orderings(NUMBERS)}),
    st.dictionaries(
        st.sampled_from(["@created_at", "@updated_at", "@occurred_at"]),
        comparisons(ISO) | orderings(ISO),
        min_size=1,
    ),
    st.dictionaries(
        PATHS,
        st.one_of(
            comparisons(SCALARS),
            orderings(ORDERED),
            st.lists(SCALARS, max_size=2),
            st.fixed_dictionaries({"$contains": SCALARS}),
        ),
        max_size=2,
    ),
)
FILTERS = st.recursive(
    TERMS.map(parse),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=4,
)


def columns_of(rows: Sequence[Attributes]) -> Columns:
    columns = Columns()
    for number, row in enumerate(rows):
        assert columns.append(row) == number
    return columns


def build(columns: Columns, path: str, payloads: Sequence[Mapping[str, object]]) -> None:
    """Make the column of one path for the rows that are there."""
    draft = columns.begin([path])
    columns.fill([codes_of(draft, payloads)] if draft.columns else [])
    columns.complete()


def codes_of(draft: Draft, payloads: Sequence[Mapping[str, object]]) -> I32:
    """Of a draft with one path: the codes of the first rows."""
    return np.array([draft.codes(payload)[0] for payload in payloads], dtype=np.int32)


def expected(filter_: Filter, rows: Sequence[Attributes]) -> list[bool]:
    return [matches(filter_, row) for row in rows]


@given(st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=4), FILTERS, st.data())
def test_a_mask_is_matches_row_by_row(
    early: list[Attributes], late: list[Attributes], filter_: Filter, data: st.DataObject
) -> None:
    """Columns built midway, rows appended after; then the same after compaction and more rows."""
    columns = columns_of(early)
    assert columns.missing(payload_paths(filter_)) == payload_paths(filter_)
    for path in columns.missing(payload_paths(filter_)):
        build(columns, path, [row.payload for row in early])
    assert columns.missing(payload_paths(filter_)) == frozenset()
    mask = columns.mask(filter_, len(early))
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected(filter_, early)
    for row in late:
        columns.append(row)
    rows = [*early, *late]
    assert columns.mask(filter_, len(rows)).tolist() == expected(filter_, rows)
    assert columns.mask(filter_, len(early)).tolist() == expected(filter_, early)
    keep: Mask = np.array([data.draw(st.booleans()) for _ in rows], dtype=np.bool_)
    compacted = columns.compact(keep)
    kept = [row for row, stays in zip(rows, keep, strict=True) if stays]
    assert compacted.rows == len(kept)
    assert compacted.missing(payload_paths(filter_)) == frozenset()
    assert compacted.mask(filter_, len(kept)).tolist() == expected(filter_, kept)
    compacted.append(rows[0] if rows else ROW)
    kept.append(rows[0] if rows else ROW)
    assert compacted.mask(filter_, len(kept)).tolist() == expected(filter_, kept)
    assert columns.mask(filter_, len(rows)).tolist() == expected(filter_, rows)


@given(st.lists(ROWS, max_size=6), st.data())
def test_the_plain_arrays_hold_every_row(rows: list[Attributes], data: st.DataObject) -> None:
    columns = columns_of(rows)
    keep: Mask = np.array([data.draw(st.booleans()) for _ in rows], dtype=np.bool_)
    kept = [row for row, stays in zip(rows, keep, strict=True) if stays]
    for held, wanted in ((columns, rows), (columns.compact(keep), kept)):
        n = len(wanted)
        assert held.kinds(n).tolist() == [KIND_CODES[Kind(row.kind)] for row in wanted]
        assert held.happened_at(n).tolist() == [microseconds(row.occurred_at) for row in wanted]
        assert held.expires_at(n).tolist() == [
            NEVER if row.expires_at is None else microseconds(row.expires_at) for row in wanted
        ]


def with_payloads(payloads: Sequence[Mapping[str, object]]) -> Columns:
    return columns_of([replace(ROW, payload=payload) for payload in payloads])


def test_one_comparison_is_evaluated_once_per_distinct_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def counting(term: Term) -> Callable[[Reached], bool]:
        holds = predicate(term)

        def counted(values: Reached) -> bool:
            asked.append(values)
            return holds(values)

        return counted

    payloads: list[dict[str, object]] = [{"a": n % 3} for n in range(300)]
    columns = with_payloads(payloads)
    build(columns, "a", payloads)
    monkeypatch.setattr(coded_module, "predicate", counting)
    for _ in range(3):
        assert int(columns.mask(Term("a", Op.EQ, 1), 300).sum()) == 100
    assert sorted(map(str, asked)) == ["()", "(0,)", "(1,)", "(2,)"]
    columns.append(replace(ROW, payload={"a": 9}))
    columns.mask(Term("a", Op.EQ, 1), 301)
    assert len(asked) == 5


def test_a_comparison_with_true_is_not_remembered_as_one_with_one() -> None:
    payloads: list[dict[str, object]] = [{"a": 1}, {"a": True}]
    columns = with_payloads(payloads)
    build(columns, "a", payloads)
    assert columns.mask(parse({"a": 1}), 2).tolist() == [True, False]
    assert columns.mask(parse({"a": True}), 2).tolist() == [False, True]


@pytest.mark.parametrize("operator", ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
@pytest.mark.parametrize("operand", [2**53 - 1, 2**53, 2**53 + 1, 2.0**53, 1234567890123456700])
def test_importances_compare_exactly_with_large_integers(operator: str, operand: float) -> None:
    """2^53 + 1 is no float64; 1.2345678901234567e18 means what it writes, not its binary value."""
    importances = [0.0, 2.0**53, 2.0**53 + 2, 1.2345678901234567e18, 1e300]
    rows = [replace(ROW, importance=importance) for importance in importances]
    for filter_ in (
        parse({"@importance": {operator: operand}}),
        parse({"@importance": {"$in": [operand, 0]}}),
    ):
        assert columns_of(rows).mask(filter_, 5).tolist() == expected(filter_, rows)


def test_many_comparisons_do_not_pile_up() -> None:
    payloads: list[dict[str, object]] = [{"a": n} for n in range(50)]
    columns = with_payloads(payloads)
    build(columns, "a", payloads)
    for n in range(50):
        assert np.flatnonzero(columns.mask(Term("a", Op.EQ, n), 50)).tolist() == [n]
    assert len(columns._payload["a"]._tables) <= coded_module.MAX_TABLES


def test_the_column_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "MAX_PAYLOAD_COLUMNS", 2)
    columns = with_payloads([{"a": 1}])
    build(columns, "a", [{"a": 1}])
    build(columns, "b", [{}])
    columns.pin(["a"])
    columns.unpin(["a"])
    build(columns, "c", [{}])
    assert columns.paths == {"a", "c"}
    assert columns.missing(["a", "b"]) == {"b"}
    smaller = columns.compact(np.ones(1, dtype=np.bool_))
    build(smaller, "d", [{}])
    assert smaller.paths == {"c", "d"}


def test_pinned_columns_stay_while_others_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "MAX_PAYLOAD_COLUMNS", 2)
    columns = with_payloads([{"a": 1}])
    columns.pin(["a", "b", "c"])
    columns.pin(["a"])
    for path in "abc":
        build(columns, path, [{"a": 1}])
    columns = columns.compact(np.ones(1, dtype=np.bool_))
    build(columns, "d", [{}])
    assert columns.missing("abcd") == {"d"}
    columns.unpin(["a", "b", "c"])
    assert columns.paths == {"a", "c"}
    columns.unpin(["a"])
    build(columns, "d", [{}])
    assert columns.paths == {"a", "d"}


@given(st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=6), PATHS, SCALARS, st.data())
def test_a_column_made_while_rows_come_and_are_compacted_is_as_if_made_at_once(
    early: list[Attributes],
    late: list[Attributes],
    path: str,
    operand: object,
    data: st.DataObject,
) -> None:
    columns = columns_of(early)
    codes = codes_of(columns.begin([path]), [row.payload for row in early])
    for row in late:
        columns.append(row)
    rows = [*early, *late]
    keep: Mask = np.array([data.draw(st.booleans()) for _ in rows], dtype=np.bool_)
    if data.draw(st.booleans()):
        columns = columns.compact(keep)
        codes = codes[keep[: len(early)]]
        rows = [row for row, stays in zip(rows, keep, strict=True) if stays]
    assert columns.missing([path]) == {path}
    columns.fill([codes])
    columns.complete()
    filter_ = parse({path: operand})
    assert columns.mask(filter_, len(rows)).tolist() == expected(filter_, rows)


def test_a_draft_that_is_abandoned_leaves_no_column_behind() -> None:
    columns = with_payloads([{"a": 1}])
    columns.begin(["a"])
    assert columns.paths == {"a"}
    columns.abandon()
    columns.complete()
    assert columns.paths == frozenset()
    assert columns.missing(["a"]) == {"a"}


def test_one_draft_at_a_time() -> None:
    columns = with_payloads([{"a": 1}])
    columns.begin(["a"])
    with pytest.raises(ValueError, match="draft"):
        columns.begin(["b"])


def test_two_threads_that_bring_the_same_values_agree_on_their_codes() -> None:
    """The reader of old payloads and the writer of new rows share one dictionary."""
    columns = with_payloads([])
    draft = columns.begin(["a"])
    payloads: list[dict[str, object]] = [{"a": f"v{n % 5000}"} for n in range(20000)]
    writer = Thread(target=lambda: [columns.append(replace(ROW, payload=p)) for p in payloads])
    writer.start()
    asked = [draft.codes(payload)[0] for payload in payloads]
    writer.join()
    columns.complete()
    assert len(set(asked)) == 5000
    assert draft.columns["a"].codes(20000).tolist() == asked


def test_a_path_without_a_column_is_an_error_and_not_an_empty_mask() -> None:
    with pytest.raises(LookupError, match=r"a\.b"):
        with_payloads([{}]).mask(parse({"a.b": 1}), 1)


def test_more_rows_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="2 rows"):
        with_payloads([{}]).mask(And(()), 2)


@pytest.mark.parametrize("count", [0, 2])
def test_a_column_needs_one_code_per_row(count: int) -> None:
    columns = with_payloads([{}])
    with pytest.raises(ValueError, match="do not fit"):
        build(columns, "a", [{}] * count)
    assert columns.missing(["a"]) == {"a"}


def test_a_system_field_is_not_built() -> None:
    with pytest.raises(ValueError, match="@kind"):
        Columns().begin(["@kind"])


def test_compaction_forgets_values_that_no_row_has() -> None:
    payloads: list[dict[str, object]] = [{"a": f"value {n}"} for n in range(1000)]
    columns = with_payloads(payloads)
    build(columns, "a", payloads)
    keep: Mask = np.arange(1000) < 10
    assert columns.compact(keep).nbytes * 10 < columns.nbytes


def test_readers_see_their_rows_while_the_writer_appends() -> None:
    columns = with_payloads([{"a": 0}])
    build(columns, "a", [{"a": 0}])
    filter_ = parse({"a": {"$in": [3, 5]}, "@session": {"$ne": "s2"}, "@importance": {"$lt": 50}})
    finished = Event()

    def write() -> None:
        for n in range(1, 6000):
            columns.append(
                replace(ROW, session=f"s{n % 7}", importance=float(n % 90), payload={"a": n % 11})
            )
            if n % 1000 == 0:
                build(columns, "a", [{"a": at % 11} for at in range(n + 1)])
        finished.set()

    writer = Thread(target=write)
    writer.start()
    answers = 0
    while answers < 5 or not finished.is_set():
        rows = columns.rows
        wanted = [at % 11 in {3, 5} and at % 7 != 2 and at % 90 < 50 for at in range(rows)]
        assert columns.mask(filter_, rows).tolist() == wanted
        answers += 1
    writer.join()
    assert columns.rows == 6000
