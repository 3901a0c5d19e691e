"""Looking at dead letters, and putting them back on their topic."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, final

import anyio

from sfm_core.errors import Conflict, Unavailable
from sfm_events.dead_letters import is_cut, revived, root_of, said_of
from sfm_events.ports import Partition, Producer, Record, Source

REPLAYER: Final = "dlq-replay"
"""The group that remembers which letters were put back."""
JOIN_S: Final = 30.0
"""How long to wait for the group: another command may be at work in it."""
_BATCH: Final = 100
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    record: Record
    """On the topic of the dead letters."""
    reason: str
    topic: str
    """Where it was, as all that follows; empty where the letter does not say."""
    partition: str
    offset: str
    consumer: str
    at: str
    """When it was put aside."""

    @classmethod
    def of(cls, record: Record) -> "DeadLetter":
        said = said_of(record)
        return cls(
            record=record,
            reason=said.get("reason", ""),
            topic=said.get("topic", ""),
            partition=said.get("partition", ""),
            offset=said.get("offset", ""),
            consumer=said.get("consumer", ""),
            at=said.get("at", ""),
        )


@final
class DeadLetters:
    """The letters that are there; those that come meanwhile are for another time.

    For one call: what was read is not read again, so each needs a member of its own.
    """

    def __init__(self, source: Source, producer: Producer, *, topic: str) -> None:
        """`source`: a member of the group `REPLAYER`; `topic`: where letters are put back."""
        self._source = source
        self._producer = producer
        self._topic = topic

    async def waiting(self, *, limit: int, everything: bool = False) -> Sequence[DeadLetter]:
        """The letters that were not put back yet, or all of them; the oldest `limit`.

        Raises:
            Unavailable: the transport does not answer, or another command holds the letters.
        """
        found: list[DeadLetter] = []
        async for records in self._read(from_start=everything):
            found += [DeadLetter.of(record) for record in records]
            if len(found) >= limit:
                break
        return found[:limit]

    async def replay(self, *, limit: int | None = None) -> int:
        """Put records back, in order, at most `limit`; how many.

        Each once: which were is committed behind it. A crash in between repeats one. A record that
        several consumers put aside, or that was put back before and came again, is one; what is
        kept of one that was too large is none, and passed over.

        Raises:
            Unavailable: the transport does not answer; those that were put back stay so.
            Conflict: another command took over.
            InvalidInput: the topic refuses one; those before it were put back.
        """
        done: set[bytes] = set()
        async for records in self._read(from_start=False):
            nexts: dict[Partition, int] = {}
            wanted: dict[bytes, Record] = {}
            for record in records:
                if limit is not None and len(done) + len(wanted) >= limit:
                    break
                nexts[record.partition] = record.offset + 1
                if not is_cut(record) and (name := _name_of(record)) not in done:
                    wanted.setdefault(name, record)
            await self._producer.send([revived(one, self._topic) for one in wanted.values()])
            done |= wanted.keys()
            if await self._source.commit(nexts):
                raise Conflict(f"another command took over, after {len(done)} were put back")
            if limit is not None and len(done) >= limit:
                break
        return len(done)

    async def _read(self, *, from_start: bool) -> AsyncGenerator[Sequence[Record]]:
        """What is there now, in parts."""
        left = await self._join(from_start=from_start)
        ends: dict[Partition, int] = {}
        while left:
            fetched = await self._source.fetch(limit=_BATCH, wait_s=_LOOK_S)
            if not fetched and not any((await self._source.lags()).values()):
                return  # what is missing was removed meanwhile
            for partition, records in fetched.items():
                if partition not in left:
                    continue
                end = ends.setdefault(partition, records[0].offset + left[partition])
                if records[-1].offset + 1 >= end:
                    del left[partition]
                some = [record for record in records if record.offset < end]
                if some:
                    yield some

    async def _join(self, *, from_start: bool) -> dict[Partition, int]:
        """Become the one that reads; how many there are to read, where there are any."""
        firsts: dict[Partition, int] = {}
        with anyio.move_on_after(JOIN_S):
            while not self._source.owned():
                fetched = await self._source.fetch(limit=1, wait_s=_LOOK_S)
                firsts |= {partition: records[0].offset for partition, records in fetched.items()}
        if not self._source.owned():
            raise Unavailable("another command is at the dead letters")
        for partition in self._source.owned():
            first = 0 if from_start else firsts.get(partition)
            if first is not None:
                self._source.rewind(partition, first)
        lags = await self._source.lags()
        return {partition: lag for partition, lag in lags.items() if lag}


def _name_of(record: Record) -> bytes:
    """What two letters of one record have in common, and no others: a root alone can be forged."""
    return sha256(f"{root_of(record)}\n".encode() + (record.value or b"")).digest()
