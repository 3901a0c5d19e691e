import json
import math
from collections import OrderedDict
from time import perf_counter
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfm_core.errors import InvalidInput, MalformedJson, TooLarge
from sfm_core.jsontext import (
    BATCH,
    INT64_MAX,
    INT64_MIN,
    MAX_FAULTS,
    ONE,
    Limits,
    canonical,
    dumps,
    faults_in,
    loads,
    pointer,
    values,
)

STRINGS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(INT64_MIN, INT64_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STRINGS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner), max_leaves=20
)
TOKENS = st.lists(
    st.sampled_from(
        [
            *'{}[]:,"\\ ',
            '"a"',
            '"b"',
            '"\\""',
            '"\\\\"',
            '"]"',
            '"\\u0000"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
            "1",
            "-0",
            "1e999",
            "0.5",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "NaN",
            "-Infinity",
            "null",
            "true",
            "\n",
            '{"a":',
            '"x":1,',
        ]
    ),
    max_size=12,
).map("".join)


class Refused(Exception):
    pass


def reference(text: str) -> object:
    """`json.loads` made strict the obvious way."""
    json.loads(text)
    value = json.loads(
        text,
        object_pairs_hook=pairs,
        parse_int=lambda digits: number(int(digits)),
        parse_float=lambda digits: number(float(digits)),
        parse_constant=lambda name: number(float(name)),
    )
    check(value)
    return value


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in found}) != len(found):
        raise Refused
    return dict(found)


def number(value: float) -> float:
    good = INT64_MIN <= value <= INT64_MAX if isinstance(value, int) else math.isfinite(value)
    if not good:
        raise Refused
    return value


def check(value: object) -> None:
    if isinstance(value, str) and any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise Refused
    if isinstance(value, dict):
        check([*value.keys(), *value.values()])
    if isinstance(value, list):
        for inner in value:
            check(inner)


def faults(raw: bytes | str, limits: Limits = ONE) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        loads(raw, limits=limits)
    assert type(caught.value) is InvalidInput
    return [(fault.path, fault.message) for fault in caught.value.faults]


def same(a: object, b: object) -> bool:
    return repr(a) == repr(b)


@given(value=VALUES, indent=st.none() | st.just(1), ascii_only=st.booleans())
def test_what_is_accepted_is_what_the_standard_library_reads(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert same(loads(text), json.loads(text))
    assert faults_in(value) == []


@given(text=TOKENS)
@example('{"a":[1,{"a":1,"a":2}]}')
@example('["\\\\","\\"[",{"x":1}]')
@settings(max_examples=1000)
def test_it_accepts_and_refuses_as_the_strict_reference_does(text: str) -> None:
    try:
        expected = reference(text)
    except Refused:
        assert faults(text)
    except json.JSONDecodeError:
        with pytest.raises(MalformedJson):
            loads(text)
    else:
        assert same(loads(text), expected)


@given(raw=st.binary(max_size=40))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    try:
        value = loads(raw)
    except InvalidInput:
        return
    assert same(value, json.loads(raw))


@pytest.mark.parametrize(
    "raw",
    [b"", b"  \n", b"\xef\xbb\xbf{}", b"\xff", b'"\xed\xa0\x80"', b"{", b"[1,]", b"01", b"nul",
     b"'a'", b"[1] x", b'"\x01"', b'{"a" 1}', b"{1:2}", b'"\\x41"', b"\x00", "\ud800"],
)  # fmt: skip
def test_what_is_not_json_is_malformed(raw: bytes | str) -> None:
    with pytest.raises(MalformedJson):
        loads(raw)


def test_each_fault_has_its_path_also_inside_keys() -> None:
    raw = (
        b'{"a":[1e999,NaN,-Infinity,9223372036854775808,"x\\u0000","\\ud800"],'
        b'"b/c~":{"d":1,"d":2},"k\\u0000":1,"\\udfffk":2}'
    )
    assert faults(raw) == [
        ("/a/0", "is too great for a float64"),
        ("/a/1", "is not a finite number"),
        ("/a/2", "is not a finite number"),
        ("/a/3", "is an integer outside the 64-bit range"),
        ("/a/4", "holds U+0000"),
        ("/a/5", "holds a lone surrogate"),
        ("/b~1c~0/d", "is a duplicate key"),
        ("/k\\u0000", "holds U+0000 in its name"),
        ("/\\udfffk", "holds a lone surrogate in its name"),
    ]


def test_the_range_of_integers_is_int64_and_long_fractions_are_fine() -> None:
    assert loads(f"[{INT64_MAX},{INT64_MIN}]") == [INT64_MAX, INT64_MIN]
    assert faults(f"[{INT64_MAX + 1},{INT64_MIN - 1}]")[1][0] == "/1"
    assert loads("0.1234567890123456789012345") == 0.12345678901234568
    assert loads("12345678901234567890.0") == 12345678901234567890.0
    assert loads('"99999999999999999999999999"') == "99999999999999999999999999"
    assert loads("1e-999") == 0.0


def nested(depth: int) -> str:
    return '{"a":[' * (depth // 2) + "[" * (depth % 2) + "]" * (depth % 2) + "]}" * (depth // 2)


@given(depth=st.integers(1, 70))
def test_depth_is_bounded_exactly(depth: int) -> None:
    if depth <= 32:
        loads(nested(depth))
    else:
        assert faults(nested(depth)) == [("", "the document is nested deeper than 32")]
    assert bool(faults_in(json.loads(nested(depth)))) is (depth > 32)


def test_brackets_and_colons_inside_strings_do_not_count() -> None:
    text = json.dumps({"a": '[{:,"\\' * 20_000, "b\\": "\\\\"})
    assert loads(text) == json.loads(text)


def test_keys_and_values_are_bounded_exactly_and_alike_for_built_values() -> None:
    small = Limits(keys=3, elements=6)
    for value, good in [
        ({"a": 1, "b": {"c": 1}}, True),
        ({"a": 1, "b": {"c": 1, "d": 1}}, False),
        ([1, 2, 3, 4, 5], True),
        ([1, 2, 3, 4, 5, 6], False),
        ([[], [], []], False),
        ([[], []], True),
    ]:
        raw = json.dumps(value)
        assert bool(faults_in(value, limits=small)) is not good
        if good:
            assert loads(raw, limits=small) == value
        else:
            assert faults(raw, limits=small)


def test_too_many_bytes_are_too_large() -> None:
    with pytest.raises(TooLarge):
        loads(b'"' + b"a" * ONE.size_bytes + b'"')
    assert loads(b'"' + b"a" * ONE.size_bytes + b'"', limits=BATCH)


HOSTILE = {
    "open brackets": b"[" * 1_000_000,
    "closed brackets": b"[" * 500_000 + b"]" * 500_000,
    "brackets under the count": b"[" * 50_000 + b"]" * 50_000,
    "braces": b'{"a":' * 200_000,
    "flat containers": b"[" + b"[]," * 300_000 + b"[]]",
    "zeros": b"0" * 20_000_000,
    "zero elements": b"[" + b"0," * 10_000_000 + b"0]",
    "digits": b"1" * 1_000_000,
    "many long integers": b"[" + b"1234567890123456789012," * 40_000 + b"1]",
    "exponent": b"1e" + b"9" * 1_000_000,
    "overflows": b"[" + b"1e999," * 90_000 + b"1]",
    "quotes": b'"' * 1_000_000,
    "backslashes": b"\\" * 1_000_000,
    "escaped quotes outside": b'[\\"[[[' * 100_000,
    "open string": b'"' + b'\\"' * 500_000,
    "colons": b":" * 1_000_000,
    "duplicates": b"{" + b'"a":1,' * 9_999 + b'"a":1}',
    "bad keys": b"{" + b",".join(b'"\\u0000%d":1' % i for i in range(9_999)) + b"}",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_refused_in_linear_time(raw: bytes) -> None:
    """A quadratic step would take many minutes on these; the bound only ends such a run."""
    start = perf_counter()
    with pytest.raises(InvalidInput) as caught:
        loads(raw, limits=Limits(size_bytes=32 * 1024 * 1024))
    assert perf_counter() - start < 60
    assert len(caught.value.faults) <= MAX_FAULTS


@pytest.mark.parametrize(
    "raw",
    [b'"' + b"\\\\" * 500_000 + b'"', b'["' + b'","' * 90_000 + b'"]', b"0." + b"1" * 1_000_000],
)
def test_large_but_honest_texts_are_read(raw: bytes) -> None:
    assert loads(raw, limits=BATCH) == json.loads(raw)


def test_built_values_are_judged_alike() -> None:
    odd = {
        "a": float("nan"),
        "b": INT64_MAX + 1,
        "c": [b"x", {1: 2}],
        "d": "x\0",
        "e\ud800": (1, True, None),
    }
    found = [(fault.path, fault.message) for fault in faults_in(odd, "/payload")]
    assert found == [
        ("/payload/a", "is not a finite number"),
        ("/payload/b", "is an integer outside the 64-bit range"),
        ("/payload/c/0", "is a bytes, which has no JSON form"),
        ("/payload/c/1", "has a key that is not a string"),
        ("/payload/d", "holds U+0000"),
        ("/payload/e\\ud800", "holds a lone surrogate in its name"),
    ]


def test_a_value_that_holds_itself_is_too_deep() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert faults_in(loop)


@given(value=VALUES)
def test_dumping_and_loading_gives_the_value_back(value: object) -> None:
    assert same(loads(dumps(value)), json.loads(json.dumps(value)))
    assert json.loads(canonical(value)) == json.loads(dumps(value))


@given(value=st.dictionaries(STRINGS, VALUES, min_size=2))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    other = dict(reversed(value.items()))
    assert canonical(value) == canonical(other)
    assert list(json.loads(dumps(other))) == list(other)


def test_mappings_and_sequences_of_any_class_are_dumped() -> None:
    value = MappingProxyType({"b": OrderedDict(x=(1, 2)), "a": range(2)})
    assert dumps(value) == b'{"b":{"x":[1,2]},"a":[0,1]}'
    assert canonical(value) == b'{"a":[0,1],"b":{"x":[1,2]}}'
    with pytest.raises(TypeError):
        dumps({"a": b"bytes"})


def test_pointers_stay_short_and_printable() -> None:
    assert pointer("/a", 3) == "/a/3"
    assert pointer("", "a/b~c") == "/a~1b~0c"
    assert pointer("", "größe") == "/größe"
    assert pointer("", "a\nb\0") == "/a\\u000ab\\u0000"
    assert len(pointer("", "k" * 10_000)) < 70


WILD = st.recursive(
    SCALARS | st.floats() | st.integers() | st.text(max_size=3) | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


@given(value=WILD, depth=st.integers(1, 4), keys=st.integers(0, 6), elements=st.integers(1, 9))
def test_the_quick_look_and_the_judge_give_the_same_verdict(
    value: object, depth: int, keys: int, elements: int
) -> None:
    limits = Limits(depth=depth, keys=keys, elements=elements)
    judge = values.Judge(limits)
    judge.value(value, "", 1)
    assert faults_in(value, limits=limits) == judge.faults
    if values._is_clean(value, limits):
        assert judge.faults == []
