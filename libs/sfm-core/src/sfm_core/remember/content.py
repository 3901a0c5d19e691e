"""What makes two memories the same, and where a memory goes that was given no place."""

from dataclasses import replace
from functools import cache
from hashlib import blake2b, shake_256
from typing import Final

import numpy as np

from sfm_core import jsontext
from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, F64, MemoryDraft
from sfm_core.times import microseconds

_KEY_BYTES: Final = 6
_AXES: Final = 3
_DECIMALS: Final = 3
_UNSAID: Final = MemoryDraft(payload={})


def content_key(draft: MemoryDraft) -> int:
    """A hash of kind, payload and `occurred_at`, below 2**48: exact as a float64 axis."""
    return int.from_bytes(blake2b(_content(draft), digest_size=_KEY_BYTES).digest(), "big")


def same_content(one: MemoryDraft, other: MemoryDraft) -> bool:
    """Whether both say the same: a key of 48 bits alone may lie."""
    return _content(one) == _content(other)


def merged(stored: MemoryDraft, said: MemoryDraft) -> MemoryDraft:
    """The stored draft with what the new one says beyond the defaults.

    A field at its default was not said: it never takes back what was said before.
    """
    return replace(
        stored,
        text=stored.text if said.text is None else said.text,
        importance=(
            stored.importance if said.importance == _UNSAID.importance else said.importance
        ),
        tags=said.tags or stored.tags,
        session=stored.session if said.session is None else said.session,
        source=stored.source if said.source is None else said.source,
        expires_at=stored.expires_at if said.expires_at is None else said.expires_at,
        pinned=said.pinned or stored.pinned,
    )


def derived_coordinate(vector: F32, key: int, *, probe: int = 0) -> Coordinate:
    """The place of a memory without one: three axes of meaning, one of content.

    `vector` has shape (dim,). Similar vectors lie near each other on the first three axes, which
    are a fixed projection rounded to 3 decimals. `probe` > 0 adds a fifth axis, for when
    something else lives at the place.
    """
    near = np.round(_projection(vector.shape[0]) @ vector.astype(np.float64), _DECIMALS)
    return Coordinate.of([*near.tolist(), key, *([probe] if probe else [])])


@cache
def _projection(dim: int) -> F64:
    """Signs of shape (3, dim): from a hash and not a generator, so that they stay for ever."""
    raw = np.frombuffer(shake_256(b"sfm.placement.1").digest(_AXES * dim), dtype=np.uint8)
    signs: F64 = np.where(raw.reshape(dim, _AXES).T & 1, 1.0, -1.0)
    return signs


def _content(draft: MemoryDraft) -> bytes:
    at = "" if draft.occurred_at is None else str(microseconds(draft.occurred_at))
    return f"{draft.kind}\n{at}\n".encode() + jsontext.canonical(draft.payload)
