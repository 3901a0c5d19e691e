"""Keys and certificates on the way to Qdrant: the right ones work, all others are refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import trustme
from qdrant_client import AsyncQdrantClient, models

from sfm_core.errors import Misconfigured
from sfm_core.factory import open_runtime
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem
from tests.servers.qdrant import TestQdrant, qdrant_or_skip

pytestmark = pytest.mark.integration

KEY = "a-key-for-tests-0815"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that wants TLS and a key."""

    server: TestQdrant
    right_ca: Path
    wrong_ca: Path

    def settings(self) -> CoreSettings:
        return CoreSettings(
            postgres_url=Secret("memory://"),
            embedder="hash",
            qdrant_url=self.server.url,
            qdrant_api_key=Secret(KEY),
            qdrant_tls_cert=self.right_ca,
            qdrant_collection=f"c{uuid4().hex[:8]}",
            qdrant_namespace_collections=False,
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("tls")
    right, wrong = trustme.CA(), trustme.CA()
    for name, ca in (("right", right), ("wrong", wrong)):
        ca.cert_pem.write_to_path(folder / f"{name}.pem")
    issued = right.issue_cert("127.0.0.1", "localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    both = str(folder / "server.pem")
    options = ("--cert", both, "--key", both, "--api-key", KEY)
    with qdrant_or_skip(*options, scheme="https") as server:
        yield Guarded(server, folder / "right.pem", folder / "wrong.pem")


async def _stored(settings: CoreSettings) -> bool:
    async with MemorySystem("acme", open_runtime(settings)) as memory:
        return (await memory.store((1,), {"said": "tea"})).indexed


async def test_the_right_key_and_ca_work(guarded: Guarded) -> None:
    assert await _stored(guarded.settings())


async def test_tls_can_be_asked_for_beside_the_address(guarded: Guarded) -> None:
    plain = guarded.server.url.replace("https://", "http://")
    assert await _stored(replace(guarded.settings(), qdrant_url=plain, qdrant_tls=True))


@pytest.mark.parametrize("key", [None, Secret("another-key-for-tests")])
async def test_a_missing_or_wrong_key_is_refused_and_named(
    guarded: Guarded, key: Secret | None
) -> None:
    with pytest.raises(Misconfigured, match="QDRANT_API_KEY is missing or wrong") as refused:
        await _stored(replace(guarded.settings(), qdrant_api_key=key))
    assert "another-key" not in str(refused.value)


async def test_a_server_of_another_ca_is_refused_and_the_setting_named(guarded: Guarded) -> None:
    for ca in (guarded.wrong_ca, None):
        with pytest.raises(Misconfigured, match="certificate is not trusted: QDRANT_TLS_CERT"):
            await _stored(replace(guarded.settings(), qdrant_tls_cert=ca))


async def test_a_certificate_that_is_none_is_a_setting(guarded: Guarded, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    for path in (bad, tmp_path / "missing.pem"):
        with pytest.raises(Misconfigured, match="QDRANT_TLS_CERT is not a readable CA"):
            await _stored(replace(guarded.settings(), qdrant_tls_cert=path))


@pytest.mark.parametrize("url", ["qdrant:6333", "ftp://qdrant", "http://", "http://[::1"])
async def test_an_address_that_is_none_is_a_setting(url: str) -> None:
    settings = CoreSettings(postgres_url=Secret("memory://"), embedder="hash", qdrant_url=url)
    with pytest.raises(Misconfigured, match="QDRANT_URL"):
        await _stored(settings)


async def test_a_collection_for_vectors_of_another_length_is_a_setting(qdrant_url: str) -> None:
    settings = CoreSettings(
        postgres_url=Secret("memory://"),
        embedder="hash",
        qdrant_url=qdrant_url,
        qdrant_collection=f"c{uuid4().hex[:8]}",
    )
    async with open_runtime(settings) as runtime:
        assert runtime.vectors is not None
        with pytest.raises(Misconfigured, match="vectors of 384 numbers, and the embedder makes 8"):
            await runtime.vectors.prepare(dim=8)


async def test_a_collection_of_somebody_else_is_a_setting(qdrant_url: str) -> None:
    name = f"c{uuid4().hex[:8]}"
    client = AsyncQdrantClient(url=qdrant_url, check_compatibility=False)
    vectors = models.VectorParams(size=384, distance=models.Distance.COSINE)
    await client.create_collection(name, vectors_config=vectors)
    await client.close()
    settings = CoreSettings(
        postgres_url=Secret("memory://"),
        embedder="hash",
        qdrant_url=qdrant_url,
        qdrant_collection=name,
    )
    with pytest.raises(Misconfigured, match=f"{name} was not made by SFM"):
        await _stored(settings)
