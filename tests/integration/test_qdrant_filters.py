"""Filters in Qdrant admit what the reference admits, whatever they are."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Address, QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.filters import Attributes, Filter, matches
from sfm_core.model import Kind, VectorPoint
from sfm_core.testing.contracts_vectors import DIM, a_point, a_query
from tests.unit.sfm_core.test_columns import FILTERS, ROWS

pytestmark = pytest.mark.integration

COLLECTION = f"c{uuid4().hex}"


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[QdrantVectors]:
    async with QdrantLink.open(Address(url=url), budget_s=20.0) as link:
        vectors = QdrantVectors(link, Collections(link, shared=COLLECTION, own=False))
        await vectors.prepare(dim=DIM)
        yield vectors


def _point(namespace: str, number: int, said: Attributes) -> VectorPoint:
    return a_point(
        namespace,
        number,
        kind=Kind(said.kind),
        tags=tuple(said.tags),
        session=said.session,
        source=said.source,
        importance=said.importance,
        created_at=said.created_at,
        updated_at=said.updated_at,
        occurred_at=said.occurred_at,
        expires_at=said.expires_at,
        pinned=said.pinned,
        payload=orjson.dumps(said.payload).decode(),
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=8), filters=st.lists(FILTERS, min_size=1, max_size=4)
)
async def test_any_filter_admits_the_same_as_the_reference(
    qdrant_url: str, rows: list[Attributes], filters: list[Filter]
) -> None:
    ns = f"t-{uuid4().hex[:12]}"
    async with opened(qdrant_url) as vectors:
        await vectors.put(ns, [_point(ns, number, row) for number, row in enumerate(rows, 1)])
        for filter_ in filters:
            hits = await vectors.search(ns, a_query(filter=filter_, limit=3))
            admitted = [n for n, row in enumerate(rows, 1) if matches(filter_, row)]
            found = [hit.id.int >> 64 for hit in hits]
            assert len(found) == min(3, len(admitted))
            assert set(found) <= set(admitted)
