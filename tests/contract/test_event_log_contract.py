"""The log in memory and that in PostgreSQL keep the same promises."""

import pytest

from sfm_core.testing.contracts_events import EventLogContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryEvents(InMemory, EventLogContract):
    pass


@pytest.mark.integration
class TestPostgresEvents(InPostgres, EventLogContract):
    pool_size = 2
