from itertools import count
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.recall.chains import NONE, Chains

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.sampled_from([None, "a", "b"]),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("compact")),
    ),
    max_size=60,
)


def slow_neighbours(rows: dict[int, tuple[str | None, int, int]]) -> dict[int, tuple[int, int]]:
    found = {}
    for row, (session, _, _) in rows.items():
        order = sorted(
            (r for r, (s, _, _) in rows.items() if s == session), key=lambda r: (*rows[r][1:], r)
        )
        at = order.index(row)
        alone = session is None
        found[row] = (
            NONE if alone or at == 0 else order[at - 1],
            NONE if alone or at + 1 == len(order) else order[at + 1],
        )
    return found


@given(steps)
def test_neighbours_are_those_of_the_sorted_session(history: list[tuple[Any, ...]]) -> None:
    chains = Chains()
    live: dict[int, tuple[str | None, int, int]] = {}
    total = 0
    ties = count()
    for step in history:
        match step:
            case ("add", session, happened, born):
                live[chains.append(session, happened, born, next(ties))] = (session, happened, born)
                total += 1
            case ("remove", row) if row in live:
                chains.remove(row)
                del live[row]
            case ("compact",):
                keep = np.zeros(total, dtype=np.bool_)
                keep[list(live)] = True
                chains = chains.compact(keep)
                live = {new: live[old] for new, old in enumerate(sorted(live))}
                total = len(live)
    previous, following, session = chains.arrays()
    assert previous.shape == following.shape == session.shape == (total,)
    expected = slow_neighbours(live)
    assert {row: (previous[row], following[row]) for row in live} == expected
    for row, (name, _, _) in live.items():
        together = {r for r, (s, _, _) in live.items() if s == name and name is not None}
        assert (session[row] == NONE) == (name is None)
        if name is not None:
            assert set(chains.members(int(session[row]))) == together
