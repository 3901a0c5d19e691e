from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.adapters.hash_embedder import HASH_FLOOR, HashEmbedder
from sfm_core.errors import Misconfigured
from sfm_core.hashing import HASH_REVISION, hash_vector, hash_vectors
from sfm_core.ports import Embedder
from sfm_core.testing.contracts_embedder import EmbedderContract, Opened

UNRELATED = (
    "the quarterly report is due on Friday",
    "my daughter learned to ride a bicycle",
    "boil potatoes until soft",
    "jazz concert tickets sold out quickly",
    "a router lost its configuration",
    "vaccines protect whole communities",
)


class TestHashEmbedder(EmbedderContract):
    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def opening() -> AsyncGenerator[Embedder]:
            yield HashEmbedder()

        return opening

    @pytest.mark.alone
    async def test_embedding_leaves_the_loop_free(self, opened: Opened) -> None:
        await super().test_embedding_leaves_the_loop_free(opened)


def test_the_info_says_it_knows_no_meaning() -> None:
    info = HashEmbedder(dim=64).info
    assert (info.name, info.semantic, info.dim) == ("hash", False, 64)
    assert info.model_revision == f"{HASH_REVISION}-64"


async def test_the_statistics_count_what_was_served() -> None:
    embedder = HashEmbedder()
    await embedder.embed(["one", "two"])
    assert embedder.statistics().served == 2


@pytest.mark.parametrize("dim", [0, 7, 1 << 20])
def test_a_dimension_out_of_bounds_is_refused(dim: int) -> None:
    with pytest.raises(Misconfigured, match=str(dim)):
        HashEmbedder(dim)


def test_the_bytes_are_those_of_this_revision() -> None:
    """A change here needs a new `HASH_REVISION`: stored vectors would no longer compare."""
    rows = hash_vectors(["", "Tea at FOUR, tea!", "我喜欢吃苹果", "¡¿", "Ｔｅａ"])
    assert HASH_REVISION == "hash-1"
    assert (
        sha256(rows.tobytes()).hexdigest()
        == "30a547b65d39b44751d0ebcb01803975fde62dd7fabc3ffe2b2d4250893959b1"
    )


def test_case_width_and_punctuation_do_not_matter() -> None:
    assert (hash_vector("Tea at four!") == hash_vector("ＴＥＡ, at... Four")).all()


def test_repetition_matters_less_than_presence() -> None:
    once, often = hash_vector("tea with milk"), hash_vector("tea tea tea with milk")
    assert 0.8 < once @ often < 0.999


def test_an_inflected_word_is_near_its_stem() -> None:
    assert hash_vector("gardening") @ hash_vector("gardens") > 0.3


def test_a_shared_word_in_a_script_without_spaces_is_found() -> None:
    apples, good_apples, rain = hash_vectors(["我喜欢吃苹果", "苹果很好吃", "今天下雨了"])
    assert apples @ good_apples > max(0.15, apples @ rain + 0.1)


def test_unrelated_texts_are_near_the_floor() -> None:
    cosines = [a @ b for a, b in combinations(hash_vectors(UNRELATED), 2)]
    assert abs(np.mean(cosines) - HASH_FLOOR) < 0.1
    assert max(cosines) < 0.4


@pytest.mark.parametrize("dim", [8, 12, 384, 513, 1024])
def test_every_dimension_has_both_signs_and_length_one(dim: int) -> None:
    row = hash_vector("the cat sat on the mat", dim)
    assert row.shape == (dim,)
    assert row.min() < 0.0 < row.max()
    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-6)


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_every_text_has_a_finite_unit_vector_and_keeps_it(text: str) -> None:
    row = hash_vector(text)
    assert np.isfinite(row).all()
    assert np.linalg.norm(row.astype(np.float64)) == pytest.approx(1.0, abs=1e-6)
    assert row.tobytes() == hash_vector(text).tobytes()
