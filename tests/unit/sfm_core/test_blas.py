import subprocess
import sys

import pytest

SCRIPT = """
import numpy, os
from threadpoolctl import threadpool_info
from sfm_core.runtime.blas import one_thread_each
numpy.ones((2, 2)) @ numpy.ones((2, 2))
one_thread_each(os.environ)
print(max(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"))
"""


@pytest.mark.parametrize(("env", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_products_take_one_thread_unless_the_environment_says_otherwise(
    env: dict[str, str], threads: str
) -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == threads
