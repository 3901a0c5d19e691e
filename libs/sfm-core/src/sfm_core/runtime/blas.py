"""How many threads a matrix product may take."""

from collections.abc import Mapping
from typing import Final

from threadpoolctl import threadpool_limits

_CHOSEN: Final = frozenset({"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"})


def one_thread_each(env: Mapping[str, str]) -> None:
    """Hold each matrix product of this process to one thread, unless `env` says otherwise.

    The threads of the library spin for a while after each product: at 10,000 x 384 that costs
    more than half of a recall's CPU and, when other work wants the cores, most of its tail
    (`docs/adr/083`). Recalls of several namespaces still use all cores, one each.
    """
    if not _CHOSEN & env.keys():
        threadpool_limits(limits=1, user_api="blas")
