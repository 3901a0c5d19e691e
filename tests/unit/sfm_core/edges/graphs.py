"""Small graphs for tests, and the histories that made them."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from hypothesis import strategies as st

from sfm_core.edges.table import Edges
from sfm_core.model import LinkRow

ROOT = UUID("00000000-0000-5000-8000-000000000000")
TYPES = ("related", "causes")
WEIGHTS = (0.25, 0.5, 1.0, 1.0, 1.0, 2.0, 3.0, 1e-310, 1e308)

type Links = dict[tuple[int, int, str], float]
"""Weight by origin, target and type."""
type Step = tuple[int, int, str, float | None]
"""A link put, or ended."""


def memory(number: int) -> UUID:
    return uuid5(ROOT, str(number))


def steps(nodes: int, *, most: int = 60) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.tuples(
            st.integers(0, nodes - 1),
            st.integers(0, nodes - 1),
            st.sampled_from(TYPES),
            st.sampled_from([*WEIGHTS, None]),
        ).filter(lambda step: step[0] != step[1]),
        max_size=most,
    )


def played(history: Sequence[Step]) -> tuple[list[LinkRow], Links]:
    """What the store would tell of it, and the links at the end."""
    versions: dict[tuple[int, int, str], int] = {}
    links: Links = {}
    rows = []
    for position, (origin, target, kind, weight) in enumerate(history, start=1):
        name = (origin, target, kind)
        if weight is None and name not in links:
            continue
        versions[name] = versions.get(name, 0) + 1
        before = links.pop(name, 1.0)
        if weight is not None:
            links[name] = weight
        rows.append(
            LinkRow(
                namespace="acme",
                origin=memory(origin),
                target=memory(target),
                type=kind,
                weight=before if weight is None else weight,
                version=versions[name],
                position=position,
                deleted=weight is None,
            )
        )
    return rows, links


def rows_of(numbers: Sequence[int]) -> Mapping[bytes, int]:
    return {memory(number).bytes: row for row, number in enumerate(numbers)}


def table_of(links: Links, numbers: Sequence[int]) -> Edges:
    """The links in their order; row i is the memory `numbers[i]`."""
    rows, _ = played([(*name, weight) for name, weight in links.items()])
    edges = Edges()
    edges.apply(rows, rows_of(numbers))
    return edges
