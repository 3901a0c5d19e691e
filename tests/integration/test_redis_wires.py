"""The wire to Redis: an ACL user with what is needed works; what is refused says why."""

import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
import trustme
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.limiter import RedisLimiter
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.adapters.shared import open_shared
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.model import Quota
from sfm_core.ports import NoTelemetry
from sfm_core.runtime.secret import Secret
from sfm_core.testing.contracts_cache import FULL
from tests.servers.valkey import TestValkey, valkey

pytestmark = pytest.mark.integration

PASSWORD = "throw-away-word"
NEEDED = "+eval +time +get +set +mget +getrange +scan +unlink +ping"
"""What ADR 140 promises to be enough."""
QUOTA = Quota(limit=3, window_s=60.0)


@pytest.fixture(scope="module")
def server(redis_url: str) -> Iterator[TestValkey]:
    """With the users `sfm`, who may do what ADR 140 says, and two who may do less."""
    del redis_url  # skips where there is no Valkey
    with valkey() as one:
        for rule in (
            f"sfm on >{PASSWORD} ~sfm:* {NEEDED}",
            f"reader on >{PASSWORD} ~sfm:* +ping +get +mget",
            f"elsewhere on >{PASSWORD} ~other:* {NEEDED}",
            "default off",
        ):
            assert one.ask("ACL", "SETUSER", *rule.split()) == b"+OK\r\n"
        yield one


def url_of(server: TestValkey, user: str = "sfm", password: str = PASSWORD) -> str:
    return f"redis://{user}:{password}@127.0.0.1:{server.port}/0"


async def opened(url: str) -> None:
    async with open_shared(
        Secret(url), read_cache=True, quota=QUOTA, telemetry=NoTelemetry()
    ) as shared:
        assert shared.redis is not None
        await shared.redis.ping()


async def refused(url: str) -> str:
    """Why nothing is opened; never with the password in it."""
    with pytest.raises(Misconfigured) as caught:
        await opened(url)
    for shown in (str(caught.value), repr(caught.value), repr(caught.value.context)):
        assert PASSWORD not in shown
        assert "another-word" not in shown
    return caught.value.detail


async def test_a_user_with_the_needed_commands_can_do_all_that_is_asked_of_redis(
    server: TestValkey,
) -> None:
    await opened(url_of(server))
    async with RedisLink.open(url_of(server), budget_s=5.0) as link:
        limiter, cache = RedisLimiter(link, QUOTA), RedisCache(link)
        verdicts = [(await limiter.take("someone")).allowed for _ in range(4)]
        assert verdicts == [True, True, True, False]
        memory = replace(FULL, namespace="acme")
        await cache.keep("acme", [memory])
        assert await cache.fetch("acme", [memory.id]) == {memory.id: memory}
        await cache.forget("acme", {memory.id: memory.position + 1})
        assert await cache.fetch("acme", [memory.id]) == {}
        assert await cache.drop("acme", position=memory.position + 1) == 1


@pytest.mark.parametrize(("user", "password"), [("sfm", "another-word"), ("nobody", PASSWORD)])
async def test_wrong_credentials_are_refused(server: TestValkey, user: str, password: str) -> None:
    why = await refused(url_of(server, user, password))
    assert why == "Redis refuses the credentials of REDIS_URL"


async def test_no_credentials_are_refused(server: TestValkey) -> None:
    why = await refused(f"redis://127.0.0.1:{server.port}/0")
    assert why == "Redis refuses the credentials of REDIS_URL"


@pytest.mark.parametrize(
    ("user", "why"),
    [("reader", "does not permit EVAL"), ("elsewhere", "does not permit the keys sfm:")],
)
async def test_what_a_user_is_not_permitted_is_named(
    server: TestValkey, user: str, why: str
) -> None:
    async with RedisLink.open(url_of(server, user), budget_s=5.0) as link:
        await link.ping()
        with pytest.raises(Unavailable, match=why):
            await RedisLimiter(link, QUOTA).take(str(uuid4()))
        assert not link.is_broken


# -- TLS, which the server does not speak: something in front of it does -------------------------


@asynccontextmanager
async def behind_tls(server: TestValkey, authority: trustme.CA) -> AsyncGenerator[int]:
    """The port of a listener with a certificate for localhost, in front of the server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    async def copy(source: ByteStream, sink: ByteStream) -> None:
        try:
            async for chunk in source:
                await sink.send(chunk)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(sink)

    async def through(client: ByteStream) -> None:
        async with (
            await anyio.connect_tcp("127.0.0.1", server.port) as below,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(copy, client, below)
            tasks.start_soon(copy, below, client)

    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port: int = plain.extra(SocketAttribute.local_port)  # noqa: S610 - no query of Django's
    listener = _Patient(plain, ssl_context=context, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, through)
        yield port
        tasks.cancel_scope.cancel()


class _Patient(TLSListener):
    """Goes on after a client that refused the certificate."""

    @staticmethod
    async def handle_handshake_error(exc: BaseException, stream: Any) -> None:
        del exc
        await anyio.aclose_forcefully(stream)


def over_tls(port: int, ca: Path, *, host: str = "localhost") -> str:
    return f"rediss://sfm:{PASSWORD}@{host}:{port}/0?ssl_ca_certs={ca}"


async def test_rediss_works_with_the_right_ca_and_refuses_another_ca_or_name(
    server: TestValkey, tmp_path: Path
) -> None:
    right, other = trustme.CA(), trustme.CA()
    right.cert_pem.write_to_path(str(tmp_path / "right.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    async with behind_tls(server, right) as port:
        await opened(over_tls(port, tmp_path / "right.pem"))
        why = await refused(over_tls(port, tmp_path / "other.pem"))
        assert why.startswith("Redis's certificate is not trusted")
        why = await refused(over_tls(port, tmp_path / "right.pem", host="127.0.0.1"))
        assert why == "Redis's certificate is for another host than REDIS_URL"
        wrong = over_tls(port, tmp_path / "right.pem").replace(PASSWORD, "another-word")
        assert await refused(wrong) == "Redis refuses the credentials of REDIS_URL"
