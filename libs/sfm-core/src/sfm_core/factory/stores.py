"""The adapters over one database: PostgreSQL, or its twins in memory."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_archive import InMemoryArchive
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.inmemory_groups import InMemoryLogGroups
from sfm_core.adapters.inmemory_inbox import InMemoryInbox
from sfm_core.adapters.inmemory_ledger import InMemoryLedger
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.inmemory_outbox import InMemoryOutbox
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.inmemory_wal import InMemoryWal
from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.ledger import PostgresLedger
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.adapters.postgres.wal import PostgresWal
from sfm_core.errors import Misconfigured
from sfm_core.ports import (
    Archive,
    Eraser,
    EventLog,
    Finder,
    Inbox,
    Ledger,
    LinkStore,
    LogGroups,
    Outbox,
    VectorWal,
)
from sfm_core.runtime.core_settings import CoreSettings

IN_MEMORY: Final = "memory://"
"""As `postgres_url`: the in-memory twin, for tests and trials; nothing survives the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The adapters over one database, and who keeps tenants apart in it."""

    records: PostgresStore | InMemoryStore
    events: EventLog
    eraser: Eraser
    digests: PostgresDigests | InMemoryDigests
    ledger: Ledger
    wal: VectorWal
    upkeep: PostgresUpkeep | InMemoryUpkeep
    links: LinkStore
    outbox: Outbox
    groups: LogGroups
    archive: Archive
    finder: Finder
    inbox: Inbox
    tenant_rules: str


async def open_database(settings: CoreSettings, stack: AsyncExitStack) -> Pool | None:
    """None: the in-memory twin is asked for.

    Raises:
        Misconfigured: no database is named, or it is not to be reached as the settings say.
        Unavailable: PostgreSQL does not answer.
    """
    if settings.postgres_url is None:
        raise Misconfigured("POSTGRES_URL is required (soma serve brings a PostgreSQL of its own)")
    if settings.postgres_url.value == IN_MEMORY:
        return None
    return await stack.enter_async_context(
        open_pool(
            settings.postgres_url.value,
            size=settings.postgres_pool_size,
            ssl_mode=settings.postgres_ssl_mode,
            root_cert=_text(settings.postgres_ssl_root_cert),
            cert=_text(settings.postgres_ssl_cert),
            key=_text(settings.postgres_ssl_key),
        )
    )


async def stores_over(pool: Pool | None, dim: int) -> Stores:
    """PostgreSQL, or its twins when there is no pool, for vectors of this length."""
    if pool is None:
        return _twins()
    enforced = await pool.rls_enforced()
    return Stores(
        records=PostgresStore(pool, dim=dim),
        events=PostgresEvents(pool),
        eraser=PostgresEraser(pool),
        digests=PostgresDigests(pool),
        ledger=PostgresLedger(pool),
        wal=PostgresWal(pool),
        upkeep=PostgresUpkeep(pool),
        links=PostgresLinks(pool),
        outbox=PostgresOutbox(pool),
        groups=PostgresLogGroups(pool),
        archive=PostgresArchive(pool, dim=dim),
        finder=PostgresFinder(pool),
        inbox=PostgresInbox(pool),
        tenant_rules="enforced" if enforced else "bypassed: the role is a superuser",
    )


def _twins() -> Stores:
    twin = InMemoryStore()
    upkeep = InMemoryUpkeep(twin)
    return Stores(
        records=twin,
        events=InMemoryEvents(twin),
        eraser=InMemoryEraser(twin, upkeep.forget),
        digests=InMemoryDigests(twin),
        ledger=InMemoryLedger(twin),
        wal=InMemoryWal(twin),
        upkeep=upkeep,
        links=InMemoryLinks(twin),
        outbox=InMemoryOutbox(twin),
        groups=InMemoryLogGroups(twin),
        archive=InMemoryArchive(twin),
        finder=InMemoryFinder(twin),
        inbox=InMemoryInbox(twin),
        tenant_rules="kept by the in-memory store",
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
