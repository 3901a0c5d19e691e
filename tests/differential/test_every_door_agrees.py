"""Random histories through REST, the command line and Python, and over both stores: one answer.

Each history runs in namespaces of its own: over PostgreSQL through each of the three doors, and
over the in-memory twin through REST. All four must say the same, and what a dict would say.
`SFM_TEST_HISTORIES` says how many histories (`make differential`: thousands); a failure prints
how to repeat it.
"""

import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sfm_api.app import create_app
from sfm_core.factory import open_runtime
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from tests.differential.doors import CliDoor, Door, PythonDoor, RestDoor
from tests.differential.model import Model
from tests.differential.outcomes import Op

pytestmark = pytest.mark.integration

HISTORIES = int(os.environ.get("SFM_TEST_HISTORIES", "300"))
STEPS = 12
PHASES = tuple(Phase) if os.environ.get("CI") else (Phase.generate,)
TOKEN = "a-token-of-this-test"


@dataclass
class Doors:
    """Makes the doors of one history; usable from plain code by way of the portal."""

    portal: BlockingPortal
    make: Callable[[str], list[Door]]
    numbers: Iterator[int]

    def opened(self) -> list[Door]:
        return self.make(f"history-{next(self.numbers)}")


@pytest.fixture(scope="module")
def doors(module_database: str) -> Iterator[Doors]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_opened(module_database)) as make,
    ):
        yield Doors(portal, make, count())


@asynccontextmanager
async def _opened(dsn: str) -> AsyncGenerator[Callable[[str], list[Door]]]:
    settings = ApiSettings(api_token=Secret(TOKEN))
    async with (
        open_runtime(CoreSettings(postgres_url=Secret(dsn), embedder="hash")) as real,
        open_runtime(CoreSettings(postgres_url=Secret("memory://"), embedder="hash")) as twin,
    ):
        transport = httpx.ASGITransport(create_app(real, settings))
        async with (
            _client(transport) as client,
            _client(httpx.ASGITransport(create_app(twin, settings))) as of_twin,
        ):
            yield lambda name: [
                RestDoor(client, f"{name}-rest"),
                CliDoor(transport, TOKEN, f"{name}-cli", RestDoor(client, f"{name}-cli")),
                PythonDoor(real, f"{name}-python"),
                RestDoor(of_twin, f"{name}-twin"),
            ]


def _client(transport: httpx.ASGITransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://sfm",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


PLACES = st.sampled_from(["1", "1,2", "-1,2.5", "1.0,2", "0,0,0", "1,x"])
GOOD = st.sampled_from(["1", "1,2", "-1,2.5", "0,0,0"])
ENDS = st.fixed_dictionaries(
    {"from": GOOD, "to": GOOD}, optional={"type": st.sampled_from(["knows", "related"])}
)
KEYS = st.none() | st.sampled_from(["key-1", "key-2"])
VERSIONS = st.none() | st.integers(1, 4)
WORDS = st.sampled_from(["tea", "green tea", "the kettle is broken", "Zürich", "茶 四时", ""])
VALUES = WORDS | st.integers(-3, 2**53) | st.floats(-1e6, 1e6) | st.booleans() | st.none()
PAYLOADS = st.dictionaries(st.sampled_from(["note", "n", "who"]), VALUES, max_size=3)
MEMORIES = st.fixed_dictionaries(
    {"payload": PAYLOADS},
    optional={
        "kind": st.sampled_from(["episodic", "semantic"]),
        "text": WORDS,
        "importance": st.sampled_from([0, 1, 2.5, -7, 1e300]),
        "tags": st.lists(st.sampled_from(["a", "b", ""]), max_size=3),
        "session": st.sampled_from(["s", "t"]),
        "source": st.sampled_from(["Ada", "Ben"]),
        "occurred_at": st.sampled_from(["2026-01-01T00:00:00Z", "2025-05-05T12:00:00+02:00"]),
        "expires_at": st.sampled_from(["2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "soon"]),
        "pinned": st.booleans(),
    },
)
ITEMS = st.builds(
    lambda memory, at: memory | ({} if at is None else {"coordinate": at}),
    MEMORIES,
    st.none() | st.sampled_from([[1], [1, 2], [0, 0, 0], ["x"]]),
)
LINES = st.fixed_dictionaries(
    {"coordinate": st.sampled_from([[1], [1, 2], [9], ["x"]]), "payload": PAYLOADS},
    optional={
        "version": st.sampled_from([1, 3, 0]),
        "updated_at": st.sampled_from(["2024-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "then"]),
        "importance": st.sampled_from([2, 5]),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    },
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "payload": st.dictionaries(st.sampled_from(["note", "n", "who"]), VALUES, max_size=2),
        "importance": st.sampled_from([0, 3.5]),
        "tags": st.lists(st.sampled_from(["a", "c", ""]), max_size=2),
        "expires_at": st.sampled_from(["2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z", None]),
        "pinned": st.booleans(),
    },
).filter(bool)
FILTERS = st.none() | st.sampled_from(
    [
        {"note": "tea"},
        {"@tags": {"$contains": "a"}},
        {"$or": [{"n": {"$gt": 1}}, {"@kind": "semantic"}]},
        {"$not": {"@source": {"$in": ["Ada"]}}},
        {"n": {"$near": 3}},
    ]
)


class Histories(RuleBasedStateMachine):
    """One history: every step is done through all doors."""

    doors: Doors

    @initialize()
    def begin(self) -> None:
        self.open = self.doors.opened()
        self.model = Model()

    def do(self, name: str, **args: object) -> None:
        op = Op(name, {key: value for key, value in args.items() if value is not None})
        first, *others = [self.doors.portal.call(door.do, op) for door in self.open]
        for door, other in zip(self.open[1:], others, strict=True):
            assert other == first, (op, type(door).__name__)
        self.model.check(op, first)

    @rule(at=PLACES, memory=MEMORIES, key=KEYS, if_version=VERSIONS)
    def store(self, **given: object) -> None:
        self.do("store", **given)

    @rule(memory=MEMORIES, key=KEYS)
    def remember(self, **given: object) -> None:
        self.do("remember", **given)

    @rule(at=PLACES)
    def get(self, **given: object) -> None:
        self.do("get", **given)

    @rule(at=PLACES, key=KEYS, if_version=VERSIONS)
    def delete(self, **given: object) -> None:
        self.do("delete", **given)

    @rule(
        kind=st.none() | st.sampled_from(["episodic", "semantic"]),
        tag=st.none() | st.sampled_from(["a", "b"]),
        filter=FILTERS,
        limit=st.none() | st.sampled_from([1, 3, 0]),
    )
    def list(self, **given: object) -> None:
        self.do("list", **given)

    @rule(
        query=st.fixed_dictionaries(
            {
                "query": st.sampled_from(["tea", "what is broken?", " ", "茶"]),
                "top_k": st.sampled_from([200, 0]),
            },
            optional={
                "mode": st.sampled_from(["hybrid", "vector", "keyword"]),
                "filter": FILTERS.filter(bool),
                "explain": st.booleans(),
                "include": st.lists(st.sampled_from(["payload", "text"]), min_size=1, max_size=2),
            },
        )
    )
    def recall(self, **given: object) -> None:
        self.do("recall", **given)

    @rule(at=PLACES, changes=CHANGES, key=KEYS, if_version=VERSIONS)
    def patch(self, **given: object) -> None:
        self.do("patch", **given)

    @rule(at=PLACES, limit=st.none() | st.sampled_from([1, 0]))
    def history(self, **given: object) -> None:
        self.do("history", **given)

    @rule(at=PLACES, version=st.integers(1, 5), key=KEYS, if_version=VERSIONS)
    def restore(self, **given: object) -> None:
        self.do("restore", **given)

    @rule(places=st.lists(GOOD, min_size=1, max_size=3), key=KEYS)
    def delete_these(self, **given: object) -> None:
        self.do("delete_many", **given)

    @rule(filter=FILTERS.filter(bool), key=KEYS)
    def delete_those(self, **given: object) -> None:
        self.do("delete_many", **given)

    @rule(ends=ENDS, weight=st.none() | st.sampled_from([0.5, 2, 0]), key=KEYS)
    def link(self, ends: dict[str, object], **given: object) -> None:
        self.do("link", **ends, **given)

    @rule(ends=ENDS, key=KEYS)
    def unlink(self, ends: dict[str, object], **given: object) -> None:
        self.do("unlink", **ends, **given)

    @rule(
        at=PLACES,
        type=st.none() | st.just("knows"),
        direction=st.none() | st.sampled_from(["in", "out", "both"]),
        limit=st.none() | st.sampled_from([1, 0]),
    )
    def neighbors(self, **given: object) -> None:
        self.do("neighbors", **given)

    @rule(ends=ENDS)
    def path(self, ends: dict[str, object]) -> None:
        self.do("path", **ends)

    @rule(low=PLACES, high=PLACES)
    def range(self, **given: object) -> None:
        self.do("range", **given)

    @rule(
        asked=st.fixed_dictionaries(
            {"term": st.sampled_from(["tea", "TEA", "kettel", "%", " "])},
            optional={
                "exact": st.booleans(),
                "case_sensitive": st.booleans(),
                "top_k": st.sampled_from([1, 50, 0]),
                "kind": st.sampled_from(["episodic", "semantic"]),
                "filter": FILTERS.filter(bool),
            },
        )
    )
    def keyword_search(self, **given: object) -> None:
        self.do("keyword_search", **given)

    @rule()
    def events(self) -> None:
        self.do("events")

    @rule(dry_run=st.booleans())
    def decay(self, **given: object) -> None:
        self.do("decay", **given)

    @rule(
        dry_run=st.booleans(),
        jobs=st.sampled_from([["upkeep"], ["wal", "parity"], ["upkeep", "wal", "parity"]]),
    )
    def reconcile(self, **given: object) -> None:
        self.do("reconcile", **given)

    @rule(items=st.lists(ITEMS, min_size=1, max_size=4), key=KEYS)
    def batch(self, **given: object) -> None:
        self.do("batch", **given)

    @rule(projection=st.sampled_from(["slab", "lexical", "graph"]))
    def rebuild(self, **given: object) -> None:
        self.do("rebuild", **given)

    @rule(history=st.booleans())
    def export(self, **given: object) -> None:
        self.do("export", **given)

    @rule(lines=st.lists(LINES, max_size=4), mode=st.sampled_from(["merge", "replace"]))
    def import_(self, **given: object) -> None:
        self.do("import", **given)

    @rule()
    def erase(self) -> None:
        self.do("erase")


def test_every_door_gives_the_same_answer_as_the_others_and_as_a_dict(doors: Doors) -> None:
    class Bound(Histories):
        pass

    Bound.doors = doors
    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=PHASES,
            print_blob=True,
        ),
    )
