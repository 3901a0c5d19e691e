import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfm_core import decode
from sfm_core.decode.recalls import DEFAULT_WEIGHTS
from sfm_core.errors import Fault, InvalidInput
from sfm_core.filters import Op, Term
from sfm_core.model import Box, Kind, ListQuery, Mode, RecallQuery, Weights

STRINGS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STRINGS, inner, max_size=5),
    max_leaves=15,
)
NAMES = st.sampled_from(
    ["query", "top_k", "mode", "kind", "filter", "since", "until", "box", "min_score",
     "min_similarity", "min_position", "now", "weights", "explain", "include", "queries", "limit"]
)  # fmt: skip
INNER = st.dictionaries(
    st.sampled_from(["min", "max", "vector", "recency", "$and", "$not", "@kind", "a.b", "$gt"]),
    JSON,
    max_size=4,
)
QUERY_LIKE = st.dictionaries(NAMES, JSON | INNER, max_size=8) | JSON


def verdict[T](judge: Callable[[T], object], raw: T) -> tuple[Fault, ...]:
    """The faults; none when it was accepted. Any other exception goes through."""
    try:
        judge(raw)
    except InvalidInput as error:
        return error.faults
    return ()


def faults(raw: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        decode.recall_query(raw)
    return [(fault.path, fault.message) for fault in caught.value.faults]


def paths(**fields: object) -> list[str]:
    return [path for path, _ in faults({"query": "tea", **fields})]


@given(raw=QUERY_LIKE)
@example({"query": "x", "box": {"min": [float("nan")], "max": [1]}})
@example({"query": "x", "filter": {"a": {"$in": [[1]]}}})
@example({"query": "x", "top_k": float("inf")})
def test_whatever_comes_nothing_but_invalid_input_is_raised(raw: object) -> None:
    for judge in (decode.recall_query, decode.recall_batch):
        found = verdict(judge, raw)
        assert all(fault.message for fault in found)


@given(params=st.dictionaries(NAMES | st.just("tag") | st.just("cursor"), STRINGS))
@example({"filter": '{"a":1e999}'})
@example({"filter": "[" * 1000})
@example({"limit": "٣"})
def test_whatever_parameters_come_nothing_but_invalid_input_is_raised(
    params: dict[str, str],
) -> None:
    found = verdict(decode.list_query, params)
    assert all(fault.path.split("/")[1] in params for fault in found)


def test_a_bare_question_has_the_defaults() -> None:
    assert decode.recall_query({"query": "tea"}) == RecallQuery(query="tea")


def test_every_option_is_read() -> None:
    raw = {
        "query": "tea at four",
        "top_k": 20.0,
        "mode": "keyword",
        "kind": "semantic",
        "filter": {"a.b": {"$gte": 2}},
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-02-01T00:00:00+01:00",
        "box": {"min": [0, -1.5], "max": [0, 3]},
        "min_score": 0,
        "min_similarity": -1,
        "min_position": 12,
        "now": "2026-03-01T00:00:00Z",
        "weights": {"vector": 1, "keyword": 0, "context": 2.5, "recency": 0.5},
        "explain": True,
        "include": ["text"],
    }
    assert decode.recall_query(raw) == RecallQuery(
        query="tea at four",
        top_k=20,
        mode=Mode.KEYWORD,
        kind=Kind.SEMANTIC,
        filter=Term("a.b", Op.GTE, 2),
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 1, 31, 23, tzinfo=UTC),
        box=Box(low=(0.0, -1.5), high=(0.0, 3.0)),
        min_score=0.0,
        min_similarity=-1.0,
        min_position=12,
        now=datetime(2026, 3, 1, tzinfo=UTC),
        weights=Weights(vector=1.0, keyword=0.0, context=2.5, recency=0.5, graph=1.0),
        explain=True,
        include_payload=False,
        include_text=True,
    )


@pytest.mark.parametrize("query", ["", " \n\t", "x" * 8193, None, 3, "a\0b"])
def test_a_question_is_1_to_8192_characters_and_not_blank(query: object) -> None:
    assert [path for path, _ in faults({"query": query})] == ["/query"]


def test_a_recall_without_a_question_is_refused() -> None:
    assert faults({}) == [("/query", "is required")]
    assert faults([]) == [("", "must be an object")]


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("top_k", 0, "/top_k"),
        ("top_k", 201, "/top_k"),
        ("top_k", True, "/top_k"),
        ("top_k", 2.5, "/top_k"),
        ("top_k", "5", "/top_k"),
        ("mode", "fuzzy", "/mode"),
        ("mode", ["hybrid"], "/mode"),
        ("kind", "EPISODIC", "/kind"),
        ("filter", 3, "/filter"),
        ("filter", {"a": {"$near": 1}}, "/filter/a/$near"),
        ("since", "yesterday", "/since"),
        ("min_score", 1.1, "/min_score"),
        ("min_score", "0.5", "/min_score"),
        ("min_similarity", -1.1, "/min_similarity"),
        ("min_position", -1, "/min_position"),
        ("min_position", 2.0**63, "/min_position"),
        ("weights", {"vector": -1}, "/weights/vector"),
        ("weights", {"vector": True}, "/weights/vector"),
        ("weights", {"vectors": 1}, "/weights/vectors"),
        ("weights", [1], "/weights"),
        ("weights", {"vector": 0, "keyword": 0, "context": 0, "recency": 0}, "/weights"),
        ("explain", "yes", "/explain"),
        ("include", "payload", "/include"),
        ("include", ["payload", "vectors"], "/include/1"),
        ("include", ["text", "text"], "/include/1"),
        ("box", [1], "/box"),
        ("box", {"min": [1]}, "/box/max"),
        ("box", {"min": [1], "max": [1, 2]}, "/box/max"),
        ("box", {"min": [1, 5], "max": [1, 2]}, "/box/max/1"),
        ("box", {"min": ["1"], "max": [1]}, "/box/min/0"),
        ("box", {"min": [], "max": []}, "/box/min"),
        ("box", {"min": [1], "max": [1], "mid": [1]}, "/box/mid"),
        ("graph_hops", 4, "/graph_hops"),
        ("context", "x", "/context"),
        ("context", [], "/context"),
        ("context", ["x"] * 9, "/context"),
        ("context", ["x", 1], "/context/1"),
        ("context", ["x", " "], "/context/1"),
        ("budget_tokens", 0, "/budget_tokens"),
        ("budget_tokens", "many", "/budget_tokens"),
        ("explain_for", [], "/explain_for"),
        ("explain_for", [[1]] * 17, "/explain_for"),
        ("explain_for", [[1], "1"], "/explain_for/1"),
        ("explain_for", [[1, None]], "/explain_for/0/1"),
    ],
)
def test_each_wrong_option_is_told_with_its_path(name: str, value: object, path: str) -> None:
    assert path in paths(**{name: value})


def test_weights_that_are_left_out_have_the_defaults_given() -> None:
    asked = decode.recall_query({"query": "x", "weights": {"recency": 0.5}}).weights
    assert asked == Weights(
        vector=DEFAULT_WEIGHTS.vector,
        keyword=DEFAULT_WEIGHTS.keyword,
        context=DEFAULT_WEIGHTS.context,
        recency=0.5,
        graph=DEFAULT_WEIGHTS.graph,
    )
    own = Weights(vector=0.1, keyword=0.2, context=0.3, recency=0.4)
    asked = decode.recall_query({"query": "x", "weights": {"vector": 1}}, weights=own).weights
    assert asked == Weights(vector=1.0, keyword=0.2, context=0.3, recency=0.4)


def test_a_batch_tells_the_faults_of_all_its_questions() -> None:
    with pytest.raises(InvalidInput) as caught:
        decode.recall_batch({"queries": [{"query": "a"}, {"query": ""}, {"top_k": 0}], "k": 1})
    assert [fault.path for fault in caught.value.faults] == [
        "/queries/1/query",
        "/queries/2/query",
        "/queries/2/top_k",
        "/k",
    ]
    assert decode.recall_batch({"queries": [{"query": "a"}, {"query": "b"}]}) == [
        RecallQuery(query="a"),
        RecallQuery(query="b"),
    ]


@pytest.mark.parametrize("queries", [[], None, {}, [{"query": "a"}] * 65])
def test_a_batch_holds_1_to_64_questions(queries: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode.recall_batch({"queries": queries})
    assert [fault.path for fault in caught.value.faults] == ["/queries"]


def test_a_listing_is_read_from_parameters() -> None:
    assert decode.list_query({}) == ListQuery()
    assert decode.list_query(
        {
            "kind": "episodic",
            "tag": "tea",
            "filter": json.dumps({"a": 1}),
            "since": "2026-01-01T00:00:00Z",
            "limit": "1000",
            "cursor": "abc",
        }
    ) == ListQuery(
        kind=Kind.EPISODIC,
        tag="tea",
        filter=Term("a", Op.EQ, 1),
        since=datetime(2026, 1, 1, tzinfo=UTC),
        limit=1000,
        cursor="abc",
    )


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("limit", "0", "/limit"),
        ("limit", "1001", "/limit"),
        ("limit", "1e2", "/limit"),
        ("limit", "-1", "/limit"),
        ("limit", "", "/limit"),
        ("kind", "both", "/kind"),
        ("tag", "", "/tag"),
        ("tag", "a\0", "/tag"),
        ("since", "2026", "/since"),
        ("filter", "{", "/filter"),
        ("filter", '{"a":1,"a":2}', "/filter/a"),
        ("filter", '{"$or":[]}', "/filter/$or"),
        ("cursor", "", "/cursor"),
        ("page", "2", "/page"),
    ],
)
def test_each_wrong_parameter_is_told_with_its_name(name: str, value: str, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode.list_query({name: value})
    assert type(caught.value) is InvalidInput
    assert [fault.path for fault in caught.value.faults] == [path]
