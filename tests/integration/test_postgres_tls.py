"""The wire to PostgreSQL: right credentials work; wrong ones are refused, and it is said why."""

from dataclasses import replace
from typing import Any

import anyio
import asyncpg
import pytest
from anyio.abc import SocketAttribute, SocketStream

from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.errors import Misconfigured, SfmError, Unavailable
from sfm_core.factory import open_runtime
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from tests.servers.postgres_tls import PASSWORD, TlsPostgres

pytestmark = pytest.mark.integration


async def used(server: TlsPostgres, dsn: str | None = None, **tls: Any) -> tuple[str, bool]:
    """Who is connected, and whether the wire is encrypted; by pool and by single connection."""
    said = {"ssl_mode": "verify-full", "root_cert": str(server.ca), **tls}
    dsn = dsn or server.dsn()
    ask = "SELECT current_user::text, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    async with open_pool(dsn, **said) as pool, pool.unscoped() as pooled:
        row = tuple(await pooled.fetchrow(ask))
    connection: asyncpg.Connection[Any] = await connect(dsn, **said)
    try:
        alone = await connection.fetchrow(ask)
        assert alone is not None
        assert tuple(alone) == row
    finally:
        await connection.close()
    return row


async def refused(
    server: TlsPostgres,
    dsn: str | None = None,
    kinds: type[SfmError] | tuple[type[SfmError], ...] = Misconfigured,
    **tls: Any,
) -> str:
    """Why there is no connection; never with a secret in it."""
    said = {"ssl_mode": "verify-full", "root_cert": str(server.ca), **tls}
    dsn = dsn or server.dsn()
    found = []
    for way in (connect, lambda *dsn, **said: open_pool(*dsn, **said).__aenter__()):
        with pytest.raises(kinds) as caught:
            await way(dsn, **said)
        found.append(caught.value.detail)
        for shown in (str(caught.value), repr(caught.value), repr(caught.value.context)):
            assert PASSWORD not in shown
            assert dsn not in shown
    return " / ".join(sorted(set(found)))


async def test_the_right_ca_name_and_password_work(postgres_with_tls: TlsPostgres) -> None:
    assert await used(postgres_with_tls) == ("sfm", True)


async def test_a_ca_that_did_not_sign_is_refused(postgres_with_tls: TlsPostgres) -> None:
    server = postgres_with_tls
    for mode in ("verify-full", "verify-ca", "require"):
        why = await refused(server, ssl_mode=mode, root_cert=str(server.other_ca))
        assert "certificate" in why
        assert "POSTGRES_SSL_ROOT_CERT" in why
    assert "certificate" in await refused(server, root_cert=None)  # the system's do not know it


async def test_another_name_than_the_certificate_has_is_refused_where_it_is_asked_for(
    postgres_with_tls: TlsPostgres,
) -> None:
    server = postgres_with_tls
    by_number = server.dsn(host="127.0.0.1")
    why = await refused(server, by_number)
    assert "host" in why
    assert await used(server, by_number, ssl_mode="verify-ca") == ("sfm", True)
    assert await used(server, by_number, ssl_mode="require", root_cert=None) == ("sfm", True)


async def test_a_wrong_password_is_refused(postgres_with_tls: TlsPostgres) -> None:
    why = await refused(postgres_with_tls, postgres_with_tls.dsn(password="another"))
    assert why == "PostgreSQL refuses the credentials"


async def test_a_server_that_wants_tls_is_not_talked_to_without(
    postgres_with_tls: TlsPostgres,
) -> None:
    why = await refused(postgres_with_tls, ssl_mode="disable", root_cert=None)
    assert why == "PostgreSQL refuses the credentials"


async def test_tls_is_never_given_up_for_a_server_without_it(
    postgres_with_tls: TlsPostgres,
) -> None:
    async def declining(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"N")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no query of Django's
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, declining)
        plain = replace(postgres_with_tls, port=port).dsn()
        assert "does not speak TLS" in await refused(postgres_with_tls, plain)
        tasks.cancel_scope.cancel()


async def test_a_client_certificate_is_shown_and_a_forged_one_is_refused(
    postgres_with_tls: TlsPostgres,
) -> None:
    server = postgres_with_tls
    dsn, mine = server.dsn("holder"), str(server.certificate)
    assert await used(server, dsn, cert=mine, key=mine) == ("holder", True)
    assert await refused(server, dsn) == "PostgreSQL refuses the credentials"
    forged = str(server.other_certificate)
    either = (Misconfigured, Unavailable)  # its alert may be lost with the connection
    assert "POSTGRES_SSL_CERT" in await refused(server, dsn, either, cert=forged, key=forged)
    someone_else = server.dsn("sfm", password="another")
    assert "credentials" in await refused(server, someone_else, cert=mine, key=mine)


async def test_the_settings_reach_the_wire(postgres_with_tls: TlsPostgres) -> None:
    server = postgres_with_tls
    wrong = CoreSettings(
        postgres_url=Secret(server.dsn()),
        postgres_ssl_mode="verify-full",
        postgres_ssl_root_cert=server.other_ca,
        embedder="hash",
    )
    with pytest.raises(SfmError, match="POSTGRES_SSL_ROOT_CERT"):
        async with open_runtime(wrong):
            pass
