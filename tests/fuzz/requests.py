"""Requests that are wrong in some way, for every call of the contract.

A request is made of a seed and a number alone, so that each can be made again. Calls, their
parameters and an example of each body come from the contract: a new call is fuzzed as it lands.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes

from sfm_api.contract import OPERATIONS
from sfm_api.openapi.calls import CALLS
from sfm_api.operations import Body, Operation
from tests.fuzz.spoilt import HOSTILE_TEXTS, PIECES, bomb, hostile, spoilt_bytes, spoilt_value

NAMESPACES: Final = ("fuzz", "fuzz-b")
COORDINATES: Final = ("1", "1,2.5", "-3,4,5", "0.5")
BAD_NAMESPACES: Final = (
    *("", "A", "-a", "a b", "a" * 64, "ä", "*", "%2A", "..", "a%0A", "%00", "a%2Fb", "%FF", "null"),
)
BAD_COORDINATES: Final = (
    *("", "x", "1,", ",1", "1,,2", "nan", "inf", "1e400", "-1e999", "1;2", "1 2", "0x1", "1%2C2"),
    *(",".join(["1"] * 17), "9" * 500, "1e99999", "%00", "1%0A", "%FF%FE", "١", "--1", "1.", ".5"),
    *("1:restore", "1:nothing", "1/history/x", "+1", "1e5", "true"),
)
METHODS: Final = (
    "GET",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "BREW",
    "get",
)
HEADERS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "if-match": (b"", b"3", b'"0"', b'"x"', b"*", b'W/"1"', b'"9999999999999999999"', b'"1", "2"'),
    "if-none-match": (b"", b'"1"', b"**", b"\xff", b"*"),
    "idempotency-key": (b"", b" ", b"k" * 256, b"\xe9", b"a b", b"\x7f", b"k\x00"),
    "content-type": (b"", b"text/plain", b"application/json; charset=latin-1", b"\xff"),
    "content-encoding": (b"gzip", b"br", b"\xff"),
    "content-length": (b"0", b"-1", b"x", b"9" * 30, b"\xb2"),
    "authorization": (b"", b"Bearer", b"Bearer  ", b"Basic abc", b"Bearer wrong", b"Bearer \xff"),
    "x-request-id": (b"", b"\x00", b"x" * 500, b"{}", b"\xff"),
    "accept": (b"", b"text/event-stream", b"\xff", b"*/*;q=x", b"application/x-ndjson"),
    "last-event-id": (b"", b"-1", b"x", b"9" * 30),
    "origin": (b"null", b"http://evil.test", b"\xff"),
    "host": (b"", b"\xff", b"a b"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """As it is sent: the target still encoded, the headers without those of the token."""

    number: int
    how: str
    operation: Operation
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    authorized: bool = True

    def told(self) -> str:
        """For a report."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        return (
            f"#{self.number} ({self.how}, {self.operation.id}): {self.method} {target[:200]} "
            f"{self.headers!r:.300} {self.body[:200]!r} ({len(self.body)} bytes)"
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the contract says of one call."""

    operation: Operation
    body: Any
    parameters: tuple[str, ...] = field(default=())


_KNOWN: Final = tuple(
    _Known(
        operation,
        CALLS[operation.id].example,
        tuple(p["name"] for p in CALLS[operation.id].parameters if p["in"] == "query"),
    )
    for operation in OPERATIONS
    if not operation.hidden
)
_WRITTEN_OUT: Final = tuple(known for known in _KNOWN if known.operation.needs is not None)


def request_of(seed: int, number: int) -> Request:
    """The request with this number."""
    rng = Random(f"{seed}:{number}")
    known = rng.choice(_WRITTEN_OUT if rng.random() < 0.97 else _KNOWN)
    request = _sound(rng, known, number)
    how, spoil = rng.choice(_WAYS)
    request = replace(spoil(rng, known, request), how=how)
    if rng.random() < 0.1:  # wrong in two ways
        again, spoil = rng.choice(_WAYS)
        request = replace(spoil(rng, known, request), how=f"{how}, {again}")
    return request


def _sound(rng: Random, known: _Known, number: int) -> Request:
    """A request as the contract wants it, as far as its example goes."""
    operation = known.operation
    path = operation.path.replace("{ns}", rng.choice(NAMESPACES)).replace(
        "{coord}", rng.choice(COORDINATES)
    )
    headers: tuple[tuple[str, bytes], ...] = ()
    body = b""
    if operation.body is Body.STREAM:
        headers = (("content-type", b"application/x-ndjson"),)
        body = b'{"coordinate": [1], "payload": {"n": 1}}\n'
    elif operation.body is not Body.NONE:
        headers = (("content-type", b"application/json"),)
        body = json.dumps(known.body).encode()
    return Request(number, "", operation, operation.method, path, headers=headers, body=body)


def _value(rng: Random, known: _Known, request: Request) -> Request:
    if known.body is None:
        return _query(rng, known, request)
    value = spoilt_value(rng, known.body)
    if rng.random() < 0.3:
        value = spoilt_value(rng, value)
    return replace(
        request,
        body=json.dumps(value, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass"),
    )


def _bytes(rng: Random, known: _Known, request: Request) -> Request:
    del known
    return replace(request, body=spoilt_bytes(rng, request.body))


def _bomb(rng: Random, known: _Known, request: Request) -> Request:
    del known
    return replace(request, body=bomb(rng))


def _query(rng: Random, known: _Known, request: Request) -> Request:
    names = (*known.parameters, *known.parameters, "wait", "x", "limit", "cursor", "")
    pairs = []
    for _ in range(rng.randrange(1, 4)):
        value = hostile(rng)
        text = value if isinstance(value, str) else json.dumps(value)
        pairs.append(f"{rng.choice(names)}={_encoded(rng, text)}")
    pairs += rng.sample(pairs, 1) if rng.random() < 0.1 else []
    pairs += [quote_from_bytes(rng.choice(PIECES))] if rng.random() < 0.1 else []
    return replace(request, query="&".join(pairs))


def _path(rng: Random, known: _Known, request: Request) -> Request:
    template = known.operation.path
    coord = rng.choice(BAD_COORDINATES) if rng.random() < 0.6 else rng.choice(COORDINATES)
    ns = rng.choice(BAD_NAMESPACES) if rng.random() < 0.4 else rng.choice(NAMESPACES)
    if rng.random() < 0.1:
        coord = quote(rng.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass"))
    path = template.replace("{ns}", ns).replace("{coord}", coord)
    if rng.random() < 0.15:
        path += rng.choice(("/", "//", "%0A", "/..", "%00", "?", ":x", "/" + "a" * 3000, ";x"))
    return replace(request, path=path)


def _header(rng: Random, known: _Known, request: Request) -> Request:
    del known
    name = rng.choice(tuple(HEADERS))
    value = rng.choice(HEADERS[name]) if rng.random() < 0.9 else rng.randbytes(12)
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    given: tuple[tuple[str, bytes], ...] = ((name, value),)
    if rng.random() < 0.15:
        given *= 2
    return replace(
        request, headers=kept + given, authorized=request.authorized and name != "authorization"
    )


def _method(rng: Random, known: _Known, request: Request) -> Request:
    del known
    return replace(request, method=rng.choice(METHODS))


def _no_body(rng: Random, known: _Known, request: Request) -> Request:
    del rng, known
    return replace(request, body=b"")


def _encoded(rng: Random, text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return quote_from_bytes(raw, safe="") if rng.random() < 0.9 else quote_from_bytes(raw + b"\xff")


type _Spoil = Callable[[Random, _Known, Request], Request]
_WAYS: Final[tuple[tuple[str, _Spoil], ...]] = (
    *[("value", _value)] * 7,
    *[("bytes", _bytes)] * 3,
    *[("query", _query)] * 4,
    *[("path", _path)] * 4,
    *[("header", _header)] * 4,
    ("bomb", _bomb),
    ("method", _method),
    ("no body", _no_body),
)
"""How a request is spoilt, the frequent ways several times."""
