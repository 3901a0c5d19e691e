"""The Finder over PostgreSQL."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sfm_core.adapters.keyset import decode_place, encode_place
from sfm_core.adapters.postgres.filter_terms import filter_terms
from sfm_core.adapters.postgres.pool import Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import is_cut, memories_of
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.model import KeywordQuery, Match, Matched, Page, RangeQuery
from sfm_core.trigrams import FUZZY_THRESHOLD

_SQL: Final = load_queries("find")
_SPECIAL: Final = re.compile(r"([%_\\])")
_PUNCTUATION: Final = re.compile(r"([\x00-/:-@\[-`{-\x7f])")

type _Connection = Any


class PostgresFinder:
    """Implements `Finder`; needs a migrated schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def inside(self, namespace: str, query: RangeQuery, *, now: datetime) -> Page:
        axis, behind = decode_place(query.cursor, start=query.box.low[0])
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(
                _SQL["inside"],
                namespace,
                len(query.box.low),
                query.box.low,
                query.box.high,
                axis,
                behind,
                now,
                query.limit + 1,
                PAGE_BYTES,
            )
        memories = tuple(await memories_of(rows[: query.limit]))
        if not is_cut(rows, query.limit):
            return Page(memories=memories, next_cursor=None)
        last = memories[-1]
        return Page(memories=memories, next_cursor=encode_place(last.coordinate.axes[0], last.id))

    async def with_term(
        self, namespace: str, query: KeywordQuery, *, now: datetime
    ) -> Sequence[Matched]:
        async with self._pool.unscoped() as connection, transaction(connection, readonly=True):
            await connection.fetchrow(
                _SQL["ask"], namespace, pattern(query.term), query.term, str(FUZZY_THRESHOLD)
            )
            search = _Search(connection, namespace, query, now)
            found = await search.literal(Match.WORD, query.top_k)
            if not query.exact:
                found += await search.literal(Match.PART, query.top_k - len(found))
            if not query.exact and not query.case_sensitive:
                found += await search.fuzzy(query.top_k - len(found))
        memories = await memories_of([row for row, _, _ in found])
        return [
            Matched(memory=memory, match=match, similarity=similarity)
            for memory, (_, match, similarity) in zip(memories, found, strict=True)
        ]


def pattern(term: str) -> str:
    """The `LIKE` pattern of the texts with this term."""
    return f"%{_SPECIAL.sub(r'\\\1', term)}%"


def expression(term: str) -> str:
    """The regular expression of the texts in which the term stands between no letters or digits."""
    return f"(?<![[:alnum:]]){_PUNCTUATION.sub(r'\\\1', term)}(?![[:alnum:]])"


class _Search:
    """One keyword search, kind of match by kind of match, in its transaction."""

    def __init__(
        self, connection: _Connection, namespace: str, query: KeywordQuery, now: datetime
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._query = query
        self._now = now
        self._filter = filter_terms(query.filter).arguments()
        self._kind = None if query.kind is None else query.kind.value
        self._left = PAGE_BYTES
        """Bytes that what is found may have yet; 0: no more is to be looked for."""

    async def literal(
        self, match: Match, limit: int
    ) -> list[tuple[Mapping[str, Any], Match, float]]:
        if limit <= 0 or self._left <= 0:
            return []
        rows = await self._connection.fetch(
            _SQL["literal"],
            self._namespace,
            self._now,
            pattern(self._query.term),
            self._query.case_sensitive,
            expression(self._query.term),
            match is Match.WORD,
            self._kind,
            *self._filter,
            limit,
            self._left,
        )
        self._take(rows)
        return [(row, match, 1.0) for row in rows]

    def _take(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The better matches are never passed over for what is smaller and worse."""
        if is_cut(rows, len(rows)):
            self._left = 0
        elif rows:
            last = rows[-1]
            self._left -= (last["before"] or 0) + len(last["payload"]) + len(last["text"])

    async def fuzzy(self, limit: int) -> list[tuple[Mapping[str, Any], Match, float]]:
        if limit <= 0 or self._left <= 0:
            return []
        rows = await self._connection.fetch(
            _SQL["fuzzy"],
            self._namespace,
            self._now,
            self._query.term,
            pattern(self._query.term),
            self._kind,
            *self._filter,
            limit,
            self._left,
        )
        self._take(rows)
        return [(row, Match.FUZZY, row["similarity"]) for row in rows]
