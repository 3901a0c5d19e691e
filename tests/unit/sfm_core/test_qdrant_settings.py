"""Settings of the vector store."""

import pytest

from sfm_core.errors import Misconfigured
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.settings import describe, load

GIVEN = {"QDRANT_URL": "http://qdrant:6333"}


def test_without_an_address_there_is_none() -> None:
    settings = load(CoreSettings, {})
    assert settings.qdrant_url is None
    assert settings.qdrant_collection == "memory_vectors"
    assert settings.qdrant_namespace_collections


def test_the_key_is_never_shown() -> None:
    env = {**GIVEN, "QDRANT_API_KEY": "a-key-nobody-may-see"}
    rows = {row.name: row.value for row in describe(load(CoreSettings, env), env)}
    assert rows["QDRANT_URL"] == GIVEN["QDRANT_URL"]
    assert "nobody" not in rows["QDRANT_API_KEY"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({**GIVEN, "QDRANT_EXTRA_COLLECTION": "memory_vectors"}, "QDRANT_EXTRA_COLLECTION"),
        ({**GIVEN, "QDRANT_EXTRA_COLLECTION": "memory_vectors.acme"}, "QDRANT_EXTRA_COLLECTION"),
        ({"QDRANT_API_KEY": "a-key-of-somebody"}, "without QDRANT_URL"),
        ({"QDRANT_TLS": "1"}, "without QDRANT_URL"),
    ],
)
def test_what_does_not_go_together_is_refused(env: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(CoreSettings, env)
