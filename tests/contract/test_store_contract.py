"""The in-memory store and PostgreSQL keep the same promises."""

import pytest

from sfm_core.testing.contracts_feed import ChangeFeedContract
from sfm_core.testing.contracts_instants import InstantsContract
from sfm_core.testing.contracts_snapshots import LogIdentityContract
from sfm_core.testing.contracts_store import RecordStoreContract, namespace
from sfm_core.testing.contracts_words import WordSearchContract
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryStore(
    InMemory,
    RecordStoreContract,
    ChangeFeedContract,
    LogIdentityContract,
    WordSearchContract,
    InstantsContract,
):
    pass


@pytest.mark.integration
class TestPostgresStore(
    InPostgres,
    RecordStoreContract,
    ChangeFeedContract,
    LogIdentityContract,
    WordSearchContract,
    InstantsContract,
):
    pool_size = 8
