"""The links in memory and those in PostgreSQL keep the same promises."""

import pytest

from sfm_core.testing.contracts_link_log import LinkLogContract
from sfm_core.testing.contracts_links import LinkStoreContract, memories, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["memories", "namespace"]


class TestInMemoryLinks(InMemory, LinkStoreContract, LinkLogContract):
    pass


@pytest.mark.integration
class TestPostgresLinks(InPostgres, LinkStoreContract, LinkLogContract):
    pool_size = 8
