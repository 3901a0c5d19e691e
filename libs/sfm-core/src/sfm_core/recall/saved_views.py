"""A view as plain data and back: exact, without analysing a text again. Pure; for a thread."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sfm_core.columns import Columns
from sfm_core.errors import Corrupt, SfmError
from sfm_core.lexical.analysis import Analyzer
from sfm_core.lexical.index import LexicalArrays, LexicalIndex
from sfm_core.model import I32, I64
from sfm_core.model.saved import Fingerprint, SavedView, fingerprint_of
from sfm_core.recall.chains import NONE, Chains
from sfm_core.recall.view import Parts, Snapshot, View
from sfm_core.slab.vectors import Slab

FORMAT: Final = 1
"""Counts up whenever the same view gives other arrays, or the same memory another view."""

type AnyArray = npt.NDArray[Any]


def saved(snapshot: Snapshot, *, token: int) -> SavedView:
    """All of a view but what is made again: payload columns, normaliser, links."""
    rows = snapshot.rows
    words = snapshot.lexical.export()
    columns, values = snapshot.columns.export(rows)
    ids = np.frombuffer(b"".join(snapshot.ids[:rows]), dtype=np.uint8)
    arrays: dict[str, AnyArray] = {
        "vectors": snapshot.slab.vectors,
        "ids": ids.reshape(rows, 16),
        "versions": snapshot.versions,
        "alive": snapshot.alive,
        "embedded": snapshot.embedded,
        "axes": snapshot.axes,
        "words.offsets": words.offsets,
        "words.rows": words.rows,
        "words.counts": words.counts,
        "words.lengths": words.lengths,
        **{f"columns.{name}": array for name, array in columns.items()},
    }
    texts: dict[str, list[Any]] = {"words.terms": list(words.terms)}
    texts |= {f"columns.{name}": list(map(list, found)) for name, found in values.items()}
    return SavedView(arrays=arrays, texts=texts, token=token, position=snapshot.position)


def restored(namespace: str, held: SavedView, *, dim: int, analyzer: Analyzer) -> View:
    """The view that was saved; nothing of `held` is kept.

    Raises:
        Corrupt: what is there does not fit together.
    """
    try:
        return _restored(namespace, held, dim, analyzer)
    except (SfmError, KeyError, ValueError, TypeError, IndexError) as error:
        raise Corrupt("the parts of a saved view do not fit together") from error


def _restored(namespace: str, held: SavedView, dim: int, analyzer: Analyzer) -> View:
    arrays, texts = held.arrays, held.texts
    columns = Columns.restore(_under("columns.", arrays), _under("columns.", texts))
    vectors, ids = arrays["vectors"], np.ascontiguousarray(arrays["ids"])
    rows = columns.rows
    per_row = (vectors, ids, arrays["versions"], arrays["alive"], arrays["embedded"],
               arrays["axes"], arrays["words.lengths"])  # fmt: skip
    if {array.shape[0] for array in per_row} != {rows} or vectors.shape[1] != dim:
        raise Corrupt("the parts of a saved view have different lengths")
    words = LexicalIndex.restore(
        LexicalArrays(
            terms=texts["words.terms"],
            offsets=arrays["words.offsets"],
            rows=arrays["words.rows"],
            counts=arrays["words.counts"],
            lengths=arrays["words.lengths"],
        )
    )
    alive = np.array(arrays["alive"], dtype=np.bool_)
    return View.assembled(
        namespace,
        dim=dim,
        analyzer=analyzer,
        parts=Parts(
            slab=Slab.restore(vectors),
            lexical=words,
            columns=columns,
            chains=_chains(columns, ids, alive),
            ids=[row.tobytes() for row in ids],
            alive=alive,
            embedded=np.array(arrays["embedded"], dtype=np.bool_),
            versions=np.array(arrays["versions"], dtype=np.int64),
            axes=np.array(arrays["axes"], dtype=np.float64),
            position=held.position,
        ),
    )


def fingerprint(view: View) -> Fingerprint:
    """Of the live rows, as the store reckons it."""
    snapshot = view.snapshot()
    live = np.flatnonzero(snapshot.alive)
    heads = [int.from_bytes(snapshot.ids[row][:4], "big") for row in live.tolist()]
    updated = snapshot.columns.updated_at(snapshot.rows)[live].tolist()
    versions = snapshot.versions[live].tolist()
    total = sum(map(fingerprint_of, heads, versions, updated))
    return Fingerprint(count=len(heads), total=total % 2**64)


def _chains(columns: Columns, ids: AnyArray, alive: AnyArray) -> Chains:
    """In the order that `View` gives: when it happened, when it was born, half of the id."""
    rows = columns.rows
    codes, values = columns.sessions(rows)
    names = [str(value[0]) for value in values if value]
    codes_of = iter(range(len(names)))
    table = np.array([next(codes_of) if value else NONE for value in values], dtype=np.int32)
    mine: I32 = table[codes] if rows else np.empty(0, dtype=np.int32)
    halves = ids.view(">u8").reshape(rows, 2)[:, 0]
    tie: I64 = (halves.astype(np.uint64) >> np.uint64(1)).astype(np.int64)
    mine = np.where(alive, mine, np.int32(NONE)).astype(np.int32)
    happened, born = columns.happened_at(rows), columns.created_at(rows)
    return Chains.restore(mine, names, happened, born, tie)


def _under[T](prefix: str, held: Mapping[str, T]) -> dict[str, T]:
    return {n.removeprefix(prefix): one for n, one in held.items() if n.startswith(prefix)}
