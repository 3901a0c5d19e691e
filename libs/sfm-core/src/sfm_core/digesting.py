"""What each member of a set gives to its digest: the same here and in `digests.sql`."""

import struct
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Digest, EventType, Link, Memory
from sfm_core.times import microseconds


def digest_of(shares: Iterable[int]) -> Digest:
    count = total = 0
    for share in shares:
        count, total = count + 1, total + share
    return Digest(count, total % 2**64)


def memory_share(memory: Memory, payload: str) -> int:
    """All that a live memory says, its version and times; not its position, which is the log's.

    `payload` is its JSON text as stored.
    """
    said = memory.draft
    fixed = (
        memory.coordinate.text,
        str(memory.version),
        said.kind.value,
        _bits(said.importance),
        _flag(said.text is not None),
        _flag(said.pinned),
        _at(said.occurred_at),
        _at(said.expires_at),
        _at(memory.created_at),
        _at(memory.updated_at),
    )
    framed = (payload, memory.text, said.session, said.source, *said.tags)
    return share("|".join((*fixed, "".join(map(_framed, framed)))).encode())


def tombstone_share(coordinate: Coordinate, version: int, end: EventType) -> int:
    """A memory that lives no more, and the event that ended it."""
    return share(f"{coordinate.text}|{version}|{end.value}".encode())


def link_share(link: Link) -> int:
    """A live link: its ends, type, weight and version."""
    parts = (
        link.key.origin.text,
        link.key.target.text,
        _bits(link.weight),
        str(link.version),
        _framed(link.key.type),
    )
    return share("|".join(parts).encode())


def vector_share(memory: bytes, version: int, vector: F32) -> int:
    """A vector, bit by bit, of one version of a memory (its id as 16 bytes)."""
    return stored_vector_share(memory, version, vector.tobytes())


def stored_vector_share(memory: bytes, version: int, vector: bytes) -> int:
    """`vector_share` of the bytes that are stored, whatever they are."""
    return share(memory + struct.pack(">q", version) + vector)


def point_share(memory: bytes, position: int) -> int:
    """A live memory (its id as 16 bytes) and the position of the log it is as of."""
    return share(memory + struct.pack(">q", position))


def version_share(memory: bytes, version: int) -> int:
    """A live memory that has a vector (its id as 16 bytes), and its version."""
    return share(memory + struct.pack(">q", version))


def edge_share(origin: bytes, target: bytes, kind: str, weight: float) -> int:
    """A link as a graph knows it."""
    return share(origin + target + struct.pack(">d", weight) + kind.encode())


def share(member: bytes) -> int:
    return int.from_bytes(sha256(member).digest()[:8], "big")


def _bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _at(at: datetime | None) -> str:
    return "-" if at is None else str(microseconds(at))


def _framed(text: str | None) -> str:
    """So that no two lists of texts are the same when joined."""
    return "-" if text is None else f"{len(text)}:{text}"
