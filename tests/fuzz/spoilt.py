"""Values, texts and bytes that no call should take, and ways to spoil what one would."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

HOSTILE_TEXTS: Final = (
    *("", " ", "\x00", "a\x00b", "\ud800", "\udfff x", "\ufeff", "\n", "\r\n", "\x1b[2J", "'", '"'),
    *("'; DROP TABLE memories; --", "%", "_", "\\", "$[0]", "../../etc/passwd", "{{7*7}}", "*"),
    *("nan", "NaN", "Infinity", "1e400", "-0", "0x10", "1_000", "١", "é" * 300, "x" * 5000),
    *("2026-13-01T00:00:00Z", "2026-01-01", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z"),
    *("2026-01-01T00:00:00", "10000-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99", "now"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T05:00:00+05:00"),
    *("9999-12-31T18:59:59.999999-05:00", "0001-01-01T00:00:00+00:01", "infinity", "-infinity"),
)
HOSTILE_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, [], {}, [[]], {"": ""}, {"$or": []}, {"a": {"$gt": None}}, {"$x": 1}),
    *(-1, 0, 1.5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, -(10**30)),
    *(1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *({"__proto__": {}}, [None] * 40, ["x"] * 40, [1] * 17, {"a": 1, "b": {"c": [1, {"d": None}]}}),
)
PIECES: Final = (
    *(b"", b"{", b"}", b"[", b'"', b"nul", b"NaN", b"{'a':1}", b"\xff\xfe", b"\xef\xbb\xbf{}"),
    *(b'{"payload":', b"{} {}", b"{}x", b"[1,]", b'{"a":1,}', b"// no\n{}", b'"\\ud800"', b"1e400"),
    *(b"9" * 400, b"\x00", b'{"payload": {}}\n{"payload": {}}', b"\n\n\n", b"[]", b"0", b'""'),
)


def hostile(rng: Random) -> Any:
    """One value that is wrong in most places."""
    if rng.random() < 0.5:
        return rng.choice(HOSTILE_TEXTS)
    return rng.choice(HOSTILE_VALUES)


def spoilt_value(rng: Random, value: Any) -> Any:
    """The value with one place in it changed: replaced, renamed, removed or added."""
    places = list(_places(value, ()))
    place = rng.choice(places)
    if not place:
        return hostile(rng)
    copy = json.loads(json.dumps(value))
    inner: Any = copy
    for step in place[:-1]:
        inner = inner[step]
    last = place[-1]
    match rng.randrange(5):
        case 0 if isinstance(inner, dict):
            inner[_misspelt(rng, str(last))] = inner.pop(last)
        case 1:
            del inner[last]
        case 2 if isinstance(inner, dict):
            inner[rng.choice(("id", "version", "namespace", "x", "", "$and", "a.b"))] = hostile(rng)
        case _:
            inner[last] = hostile(rng)
    return copy


def spoilt_bytes(rng: Random, text: bytes) -> bytes:
    """The text with its bytes changed: cut, doubled, flipped, filled with what is no JSON."""
    at = rng.randrange(len(text) + 1)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: text[:at],
        lambda: text[:at] + rng.choice(PIECES) + text[at:],
        lambda: text[:at] + rng.randbytes(rng.randrange(1, 5)) + text[at + 1 :],
        lambda: text + rng.choice(PIECES),
        lambda: rng.choice(PIECES),
        lambda: rng.randbytes(rng.randrange(64)),
        lambda: text.replace(b'"', b"'"),
        lambda: text.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "utf-32", "cp037")), "replace"
        ),
    )
    return rng.choice(ways)()


def bomb(rng: Random) -> bytes:
    """JSON that is too deep, has too many keys or one twice, or a number too large."""
    depth = rng.choice((33, 40, 255, 1100, 20_000))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: b"[" * depth + b"]" * depth,
        lambda: b"[" * depth,
        lambda: b'{"a":' * depth + b"1" + b"}" * depth,
        lambda: b'{"payload":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1),
        lambda: json.dumps({"payload": {str(i): i for i in range(10_001)}}).encode(),
        lambda: json.dumps({str(i): i for i in range(10_001)}).encode(),
        lambda: b'{"payload":{},"payload":{}}',
        lambda: b'{"payload":{"a":1,"a":2}}',
        lambda: b'{"payload":{"n":' + b"9" * rng.choice((20, 400, 5000)) + b"}}",
        lambda: b'{"payload":{"n":1e' + b"9" * rng.choice((3, 30)) + b"}}",
        lambda: b'{"payload":{"n":' + rng.choice((b"NaN", b"-Infinity", b"0x1", b"01")) + b"}}",
        lambda: b'{"payload":{"t":"\\u0000"}}',
        lambda: b'{"payload":{"t":"\\ud83d"}}',
    )
    return rng.choice(ways)()


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*path, index))


def _misspelt(rng: Random, name: str) -> str:
    return rng.choice(
        (name.upper(), name + "s", name[1:], f" {name}", name + "\x00", "é", name * 50)
    )
