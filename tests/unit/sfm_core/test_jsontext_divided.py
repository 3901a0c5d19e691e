"""Large texts are read in pieces: what comes out is what reading them whole gives."""

import json
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfm_core.errors import InvalidInput, MalformedJson
from sfm_core.jsontext import Limits, canonical, canonical_pieces, loads, reading
from sfm_core.jsontext.divided import read_divided
from sfm_core.jsontext.shape import shape_of
from tests.unit.sfm_core.test_jsontext import STRINGS, TOKENS, VALUES

SMALL = Limits(size_bytes=10_000, depth=5, keys=12, elements=40)
NAMES = st.sampled_from(["items", "queries", "a", 'quo"te', "back\\slash", "é", ""])
BATCHES = st.dictionaries(NAMES, st.lists(VALUES, max_size=6) | VALUES, max_size=3)
PIECES = st.sampled_from(
    [
        *(b"", b",", b'"', b"\\", b'\\"', b"\\\\", b"[", b"]", b"{", b"}", b":", b" ", b"\xff"),
        *(b"[]", b'"items":[1,2],', b"NaN", b"1e999", b"9" * 20, b'"\\u0000"', b'"\\ud800"', b"x"),
        *(b'{"a":1,"a":2}', b"\xc3\xa9", b"\x00", b"[,]", b"1,,2", b'"items":[],'),
    ]
)
SIZES = st.integers(1, 40)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The text of a batch, with pieces put in or in place of others."""
    text = json.dumps(
        draw(BATCHES), ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1))
    ).encode()
    for _ in range(draw(st.integers(0, 2))):
        at, gone = draw(st.integers(0, len(text))), draw(st.sampled_from([0, 0, 1, 3]))
        text = text[:at] + draw(PIECES) + text[at + gone :]
    return text


def verdict(raw: bytes, limits: Limits) -> tuple[object, ...]:
    try:
        return ("read", repr(loads(raw, limits=limits)))
    except InvalidInput as error:
        return (type(error), error.detail, error.faults)


def divided(raw: bytes, limits: Limits, *, block: int, piece: int) -> tuple[object, ...]:
    with (
        patch.object(reading, "DIVIDE_BYTES", 0),
        patch.object(reading, "shape_of", partial(shape_of, block_bytes=block)),
        patch.object(reading, "read_divided", partial(read_divided, piece_bytes=piece)),
    ):
        return verdict(raw, limits)


@given(raw=mutated() | TOKENS.map(str.encode), block=SIZES, piece=SIZES)
@example(b'{"items":[1,2],"items":[]}', 3, 2)
@example(b'{"items":[],"items":[1,2]}', 3, 2)
@example(b'{"items":{},"items":[1,2]}', 3, 2)
@example(b'{"items":[{"a":1,"a":2},{"n":NaN}]}', 3, 2)
@example(b'{"items":[1,,2]}', 3, 2)
@example(b'{"items":[1, ]}', 3, 1)
@example(b'{"items":[{"a":1],[2}]}', 3, 1)
@example(b'{"items":["\\\\","\\"[",{"x\\\\\\"":1}]}', 1, 1)
@example(b'["items":[1,2]]', 3, 2)
@example(b"[[1,2]]", 3, 2)
@settings(max_examples=400, deadline=None)
@pytest.mark.parametrize("limits", [Limits(), SMALL], ids=["wide", "narrow"])
def test_a_text_read_in_pieces_gives_the_value_or_the_fault_of_the_whole(
    limits: Limits, raw: bytes, block: int, piece: int
) -> None:
    assert divided(raw, limits, block=block, piece=piece) == verdict(raw, limits)


@given(text=st.text('\\\\\\\\""x[,', max_size=40), block=st.integers(1, 7))
@settings(max_examples=300, deadline=None)
def test_runs_of_backslashes_are_followed_from_block_to_block(text: str, block: int) -> None:
    raw = b'{"items":["' + text.encode() + b'",[":"]]}'
    assert divided(raw, Limits(), block=block, piece=4) == verdict(raw, Limits())


@given(items=st.lists(VALUES, min_size=1, max_size=30), block=SIZES, piece=st.integers(1, 60))
def test_a_sound_batch_is_really_read_in_pieces(
    items: list[object], block: int, piece: int
) -> None:
    raw = json.dumps({"items": items, "wait": 1}).encode()
    read: list[bytes] = []

    def one(part: bytes) -> object:
        read.append(part)
        return json.loads(part)

    shape = shape_of(raw, elements=10_000, block_bytes=block)
    root, name, found = read_divided(raw, shape, one, piece_bytes=piece)
    assert (root, name) == ({"items": [], "wait": 1}, "items")
    assert repr(found) == repr(json.loads(json.dumps(items)))
    longest = max(len(json.dumps(item)) for item in items)
    assert all(len(part) <= piece + longest + 30 for part in read[2:])


def test_what_is_beyond_the_first_megabyte_is_judged_too() -> None:
    filling = [{"text": "x" * 1000} for _ in range(1500)]
    wide = Limits(size_bytes=1 << 24, keys=100_000)
    for text, faults in [
        ('{"a": 1, "a": 2}', [("/items/1500/a", "is a duplicate key")]),
        ('{"a": NaN}', [("/items/1500/a", "is not a finite number")]),
        (f'{{"a": {2**63}}}', [("/items/1500/a", "is an integer outside the 64-bit range")]),
        ('"\\u0000"', [("/items/1500", "holds U+0000")]),
        ('"\\ud800"', [("/items/1500", "holds a lone surrogate")]),
    ]:
        raw = json.dumps({"items": filling})[:-2] + f", {text}]}}"
        assert len(raw) > reading.DIVIDE_BYTES
        with pytest.raises(InvalidInput) as caught:
            loads(raw, limits=wide)
        assert [(fault.path, fault.message) for fault in caught.value.faults] == faults


def test_a_byte_that_is_not_utf_8_is_named_wherever_it_stands() -> None:
    raw = '{"a":["é"]}'.encode().ljust(reading.DIVIDE_BYTES + 1) + "é".encode()[:1] + b"x"
    for start in (0, 1):
        with pytest.raises(MalformedJson, match=f"byte {reading.DIVIDE_BYTES + 1 + start}"):
            loads(b" " * start + raw, limits=Limits(size_bytes=1 << 24))


@given(value=BATCHES | VALUES | st.dictionaries(STRINGS, st.lists(st.integers(0, 9))))
def test_canonical_text_in_pieces_is_the_canonical_text(value: object) -> None:
    assert b"".join(canonical_pieces(value)) == canonical(value)


def test_a_long_list_is_written_a_little_at_a_time() -> None:
    value = {"items": [{"b": i, "a": [i]} for i in range(5000)]}
    pieces = list(canonical_pieces(value))
    assert b"".join(pieces) == canonical(value)
    assert max(map(len, pieces)) < len(canonical(value)) // 500
