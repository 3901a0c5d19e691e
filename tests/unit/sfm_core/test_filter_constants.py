"""What the form of a filter alone says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.filters import Filter, Not, Op, Term, constant_of, matches, parse
from sfm_core.filters.tree import And, Or
from tests.unit.sfm_core.test_encode import MEMORY


@pytest.mark.parametrize(
    ("raw", "constant"),
    [
        ({}, True),
        ({"a": 1}, None),
        ({"a": {"$in": []}}, False),
        ({"a": {"$nin": []}}, True),
        ({"a": {"$in": [1]}}, None),
        ({"a": {"$nin": []}, "b": {"$nin": []}}, True),
        ({"a": {"$nin": []}, "b": 1}, None),
        ({"a": {"$in": []}, "b": 1}, False),
        ({"$and": [{}, {}]}, True),
        ({"$or": [{"a": 1}, {}]}, True),
        ({"$or": [{"a": 1}, {"b": 1}]}, None),
        ({"$or": [{"a": {"$in": []}}]}, False),
        ({"$not": {}}, False),
        ({"$not": {"a": {"$in": []}}}, True),
        ({"$not": {"a": 1}}, None),
    ],
)
def test_a_filter_that_says_the_same_of_every_memory(
    raw: dict[str, object], constant: bool | None
) -> None:
    assert constant_of(parse(raw)) is constant


CONSTANTS = st.sampled_from([Term("a", Op.IN, ()), Term("a", Op.NIN, ())])
FILTERS = st.recursive(
    CONSTANTS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
)


@given(FILTERS)
def test_it_is_what_any_memory_would_be_told(filter_: Filter) -> None:
    assert constant_of(filter_) is matches(filter_, MEMORY.attributes())
