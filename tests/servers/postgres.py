"""A real PostgreSQL for the tests: `$SFM_TEST_POSTGRES_URL`, else the embedded one.

Where neither is to be had, tests that ask for it are skipped; with `CI=true` they fail.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.errors import SfmError

# The throw-away server need not survive a power cut.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass
class TestPostgres:
    """A server in which tests make databases; usable from sync and async tests alike."""

    __test__ = False

    portal: BlockingPortal
    admin_dsn: str
    """May create databases."""
    dsn: str
    """For the role that owns the databases: not a superuser on the embedded server."""
    _templates: dict[str, str] = field(default_factory=dict)

    def create(self, *, template: str = "template1") -> str:
        """The DSN of a new database, a copy of `template` (a database nobody is connected to)."""
        name = f"sfm_test_{secrets.token_hex(6)}"
        owner = urlsplit(self.dsn).username or "postgres"
        self._execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{template}"')
        self._execute("CREATE EXTENSION IF NOT EXISTS pg_trgm", database=name)
        return _with_database(self.dsn, name)

    def create_migrated(self) -> str:
        """The DSN of a new database with SFM's schema, copied from one that was migrated once."""
        if "migrated" not in self._templates:
            dsn = self.create()
            self.portal.call(migrate, dsn)
            self._templates["migrated"] = urlsplit(dsn).path.lstrip("/")
        return self.create(template=self._templates["migrated"])

    def drop(self, dsn: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = urlsplit(dsn).path.lstrip("/")
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str, *, database: str | None = None) -> None:
        dsn = self.admin_dsn if database is None else _with_database(self.admin_dsn, database)

        async def execute() -> None:
            connection = await asyncpg.connect(dsn)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        self.portal.call(execute)


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestPostgres]:
    """One server for the whole run."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        given = os.environ.get("SFM_TEST_POSTGRES_URL")
        if given:
            yield TestPostgres(portal, given, given)
            return
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sfm-test-"))
        try:
            from sfm_standalone.postgres import EmbeddedPostgres

            opened = EmbeddedPostgres.open(Path(folder), settings=FAST)
            server = stack.enter_context(portal.wrap_async_context_manager(opened))
        except (SfmError, ImportError) as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no PostgreSQL: {error}")
        yield TestPostgres(portal, server.admin_dsn, server.dsn)


@pytest.fixture(scope="session")
def postgres_dsn(postgres_server: TestPostgres) -> str:
    """The server's own database; tests that write ask for `fresh_database` instead."""
    return postgres_server.dsn


@pytest.fixture
def empty_database(postgres_server: TestPostgres) -> Iterator[str]:
    """The DSN of a database of the test's own, without a table."""
    dsn = postgres_server.create()
    yield dsn
    postgres_server.drop(dsn)


@pytest.fixture
def fresh_database(postgres_server: TestPostgres) -> Iterator[str]:
    """The DSN of a database of the test's own, migrated."""
    dsn = postgres_server.create_migrated()
    yield dsn
    postgres_server.drop(dsn)


@pytest.fixture(scope="module")
def module_database(postgres_server: TestPostgres) -> Iterator[str]:
    """The DSN of a migrated database that the tests of one module share."""
    dsn = postgres_server.create_migrated()
    yield dsn
    postgres_server.drop(dsn)
