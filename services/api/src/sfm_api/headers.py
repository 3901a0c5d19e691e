"""Request headers and query parameters as model values."""

import re
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from sfm_core import decode
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Fault, InvalidInput
from sfm_core.jsontext import INT64_MAX, pointer
from sfm_core.model import Precondition, Receipt, Wait

_POSITION: Final = re.compile(r"[0-9]{1,19}")
_ETAG: Final = re.compile(r'"([1-9][0-9]{0,17})"')


def namespace(request: Request[Any]) -> str:
    """The namespace of the path, which `Authenticated` has checked."""
    found: str = request.path_params["ns"]
    return found


def coordinate(request: Request[Any]) -> Coordinate:
    """The coordinate of the path, canonical.

    Raises:
        InvalidInput: it is none.
    """
    return Coordinate.parse(request.path_params["coord"])


def query(request: Request[Any], *allowed: str) -> dict[str, str]:
    """The query parameters, each given once at most.

    Raises:
        InvalidInput: one is not among `allowed`, is given twice, or is not UTF-8.
    """
    faults = _not_utf_8(request.scope["query_string"])
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            faults.append(Fault(pointer("", name), "this call has no such query parameter"))
        elif name in found:
            faults.append(Fault(f"/{name}", "this query parameter is given twice"))
        found[name] = value
    if faults:
        raise InvalidInput(f"query parameter {faults[0].path}: {faults[0].message}", faults=faults)
    return found


def _not_utf_8(raw: bytes) -> list[Fault]:
    """The parameters whose bytes are none; reading would put U+FFFD in their place."""
    faults = []
    for pair in raw.split(b"&") if b"%" in raw or not raw.isascii() else ():
        try:
            unquote_to_bytes(pair).decode("utf-8")
        except UnicodeDecodeError:
            name = unquote_to_bytes(pair.partition(b"=")[0]).decode("utf-8", "replace")
            faults.append(Fault(pointer("", name), "is not UTF-8"))
    return faults


def wait(request: Request[Any]) -> Wait:
    """What `?wait=` asks the answer to wait for; it is the only query parameter of a write.

    Raises:
        InvalidInput: another parameter, or another value than `indexed` and `durable`.
    """
    return decode.wait(query(request, "wait").get("wait", Wait.INDEXED.value))


def precondition(request: Request[Any]) -> Precondition | None:
    """What `If-Match: "<version>"` or `If-None-Match: *` asks for.

    Raises:
        InvalidInput: either is malformed, or both are given.
    """
    match, none_match = _one(request, "If-Match"), _one(request, "If-None-Match")
    if match is not None and none_match is not None:
        raise InvalidInput("If-Match and If-None-Match exclude each other", path="/If-None-Match")
    if none_match is not None:
        if none_match != "*":
            raise InvalidInput("If-None-Match is * here", path="/If-None-Match")
        return Precondition(absent=True)
    if match is None:
        return None
    version = _ETAG.fullmatch(match)
    if version is None:
        raise InvalidInput('If-Match is a quoted version, such as "3"', path="/If-Match")
    return Precondition(version=int(version[1]))


def accepts_events(request: Request[Any]) -> bool:
    """Whether the caller asks for server-sent events."""
    said = ",".join(request.headers.getlist("Accept")).lower()
    return any(part.partition(";")[0].strip() == "text/event-stream" for part in said.split(","))


def last_event(request: Request[Any]) -> str | None:
    """The position that a client which comes back has seen last.

    Raises:
        InvalidInput: it is no position, or given twice.
    """
    last = _one(request, "Last-Event-ID")
    if last is not None and not (_POSITION.fullmatch(last) and int(last) <= INT64_MAX):
        raise InvalidInput("Last-Event-ID is the id of an event", path="/Last-Event-ID")
    return last


def keyless(request: Request[Any]) -> None:
    """For calls whose repeat cannot be told from a new one: a key must not seem to be heeded.

    Raises:
        InvalidInput: an `Idempotency-Key` is given.
    """
    if _one(request, "Idempotency-Key") is not None:
        raise InvalidInput("this call takes no Idempotency-Key", path="/Idempotency-Key")


def receipt(request: Request[Any], digest: bytes = b"") -> Receipt | None:
    """The idempotency key with a fingerprint of method, path and body; None without a key.

    The path counts in its canonical form: `/1.0,2` and `/1,2` are the same request.

    Raises:
        InvalidInput: the key is not 1 to 255 visible ASCII characters.
    """
    key = _one(request, "Idempotency-Key")
    if key is None:
        return None
    decode.idempotency_key(key)
    place = coordinate(request).text if "coord" in request.path_params else ""
    said = "\n".join((request.method, request.scope["route"].path, namespace(request), place))
    print_ = blake2b(said.encode(), digest_size=32, key=digest)
    return Receipt(key=key, fingerprint=print_.digest())


def _one(request: Request[Any], name: str) -> str | None:
    given = request.headers.getlist(name)
    if len(given) > 1:
        raise InvalidInput(f"{name} is given twice", path=f"/{name}")
    return given[0] if given else None
