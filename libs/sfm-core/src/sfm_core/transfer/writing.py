"""Writing what lines stand for, batch by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, InvalidInput, PreconditionFailed, SfmError
from sfm_core.model import (
    F32,
    CarriedLink,
    CarriedVersion,
    Delete,
    ImportMode,
    LinkKey,
    LinkOccupant,
    LinksApplied,
    Occupant,
    PutLink,
    Upsert,
    Written,
)
from sfm_core.offload import off_loop
from sfm_core.ports import Archive, Embedder, LinkStore
from sfm_core.remember import Commits
from sfm_core.slab.vectors import UNIT_TOLERANCE
from sfm_core.transfer.batches import Batch
from sfm_core.transfer.reading import Read
from sfm_core.transfer.tally import Done, Result
from sfm_core.transfer.verdicts import Outcome, idle, idle_link, outcome_of, searched, write_of

_ATTEMPTS: Final = 6

type Line = tuple[Read, CarriedVersion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where imported memories go."""

    archive: Archive
    embedder: Embedder
    commits: Commits
    links: LinkStore


@final
class Writer:
    """Writes the batches of one import."""

    def __init__(self, landing: Landing, namespace: str, mode: ImportMode) -> None:
        self._landing = landing
        self._namespace = namespace
        self._mode = mode
        self._noted: int | None = None

    async def write(self, batch: Batch) -> list[Result]:
        """The results of its memories and its refused lines, by line; samples have none.

        Repeating a batch that failed is harmless: what is written already changes nothing.

        Raises:
            Conflict: the namespace was erased meanwhile.
            Unavailable: the store or the embedder does not answer; what was written of the
                batch is not known.
        """
        await self._check_generation()
        if batch.samples:
            await self._keep_samples(batch)
        results: list[Result] = [(number, error) for number, error in batch.refused]
        if batch.versions:
            results += await self._write(batch.versions)
        if batch.links:
            results += await self._link(batch.links)
        return sorted(results, key=lambda result: result[0])

    async def _check_generation(self) -> None:
        """An import must not bring back, piece by piece, what was erased while it ran."""
        found = await self._landing.archive.generation(self._namespace)
        if self._noted not in (None, found):
            raise Conflict("the namespace was erased while it was imported")
        self._noted = found

    @property
    def _generation(self) -> int:
        """Of the first batch; all that is written is held to it, under the namespace's lock."""
        if self._noted is None:
            raise AssertionError("a batch is written after the look at the generation")
        return self._noted

    async def _keep_samples(self, batch: Batch) -> None:
        samples = [sample for _, sample in batch.samples]
        keep = partial(
            self._landing.archive.keep_samples,
            self._namespace,
            samples,
            generation=self._generation,
        )
        await self._landing.commits.put(
            self._namespace, keep, lambda kept: (kept, ()), generation=self._generation
        )

    async def _link(self, lines: Sequence[tuple[Read, CarriedLink]]) -> list[Result]:
        """Of links that somebody else changes at just this time, the last one to write wins."""
        keys = {line.key for _, line in lines}
        standing = await self._landing.archive.links_standing(self._namespace, keys)
        decided = [
            (read.number, line, idle_link(line, standing.get(line.key), self._mode))
            for read, line in lines
        ]
        results: list[Result] = [
            (number, _link_done(line.key, outcome)) for number, line, outcome in decided if outcome
        ]
        puts = [(number, line) for number, line, outcome in decided if outcome is None]
        if puts:
            changes = [PutLink(key=line.key, weight=line.weight) for _, line in puts]
            applied = await self._put_links(changes)
            for (number, line), outcome in zip(puts, applied.outcomes, strict=True):
                there = standing.get(line.key)
                results.append((number, _linked(line.key, there, outcome)))
        return results

    async def _put_links(self, changes: Sequence[PutLink]) -> LinksApplied:
        put = partial(
            self._landing.links.apply, self._namespace, changes, generation=self._generation
        )
        return await self._landing.commits.put(
            self._namespace, put, lambda applied: ((), applied.rows), generation=self._generation
        )

    async def _write(self, lines: Sequence[Line]) -> list[Result]:
        """Look, decide, write; again for those that somebody else changed in between."""
        results: list[Result] = []
        for _ in range(_ATTEMPTS):
            places = [line.coordinate for _, line in lines]
            standing = await self._landing.archive.standing(self._namespace, places)
            decided = await off_loop(partial(self._idle, lines, standing), when=len(lines) > 1)
            results += decided
            settled = {number for number, _ in decided}
            lines = [line for line in lines if line[0].number not in settled]
            if not lines:
                return results
            done = await self._commit(lines, standing)
            results += [one for one in done if not isinstance(one[1], PreconditionFailed)]
            lost = {number for number, one in done if isinstance(one, PreconditionFailed)}
            lines = [line for line in lines if line[0].number in lost]
            if not lines:
                return results
        busy = Conflict("others kept changing the same memory")
        return results + [(read.number, busy) for read, _ in lines]

    def _idle(self, lines: Sequence[Line], standing: Mapping[Coordinate, Occupant]) -> list[Result]:
        found: list[Result] = []
        for read, line in lines:
            there = standing.get(line.coordinate)
            outcome = idle(line, there, self._mode)
            if outcome is not None:
                version = there.version if there is not None else 0
                found.append(
                    (
                        read.number,
                        Done(outcome=outcome, coordinate=line.coordinate, version=version),
                    )
                )
        return found

    async def _commit(
        self, lines: Sequence[Line], standing: Mapping[Coordinate, Occupant]
    ) -> list[Result]:
        """One transaction; where a value keeps the store from taking it, one for each line."""
        writes = await self._writes(lines, standing)
        try:
            applied = await self._landing.commits.commit(
                self._namespace, writes, generation=self._generation
            )
        except InvalidInput as error:
            if len(lines) == 1:
                return [(lines[0][0].number, error)]
            half = len(lines) // 2
            first = await self._commit(lines[:half], standing)
            return first + await self._commit(lines[half:], standing)
        return [
            (read.number, _result(line, outcome))
            for (read, line), outcome in zip(lines, applied.outcomes, strict=True)
        ]

    async def _writes(
        self, lines: Sequence[Line], standing: Mapping[Coordinate, Occupant]
    ) -> list[Upsert | Delete]:
        info = self._landing.embedder.info
        given = [_usable(read, line, info.model_revision, info.dim) for read, line in lines]

        def wanted() -> list[str]:
            pairs = zip(lines, given, strict=True)
            bare = [line for (_, line), vector in pairs if vector is None]
            return sorted({searched(line) for line in bare if line.draft is not None})

        texts = await off_loop(wanted, when=len(lines) > 1)
        vectors: dict[str, F32] = {}
        if texts:
            rows = await self._landing.embedder.embed(texts)
            vectors = dict(zip(texts, rows, strict=True))

        def made() -> list[Upsert | Delete]:
            return [
                write_of(line, standing.get(line.coordinate), vectors, info.model_revision, vector)
                for (_, line), vector in zip(lines, given, strict=True)
            ]

        return await off_loop(made, when=len(lines) > 1)


def _usable(read: Read, line: CarriedVersion, model_revision: str, dim: int) -> F32 | None:
    """The line's vector when it is one of the model in use; else the text is embedded anew."""
    vector = line.vector
    if vector is None or read.revision != model_revision or vector.shape != (dim,):
        return None
    square = float(np.vdot(vector, vector))
    return vector if abs(square - 1.0) <= UNIT_TOLERANCE else None


def _linked(
    key: LinkKey, standing: LinkOccupant | None, outcome: Written | SfmError
) -> Done | SfmError:
    if isinstance(outcome, SfmError):
        return outcome
    is_new = standing is None or standing.weight is None
    word = Outcome.CREATED if is_new else Outcome.UPDATED
    return _link_done(key, word, outcome.position if outcome.changed else None)


def _link_done(key: LinkKey, outcome: Outcome, position: int | None = None) -> Done:
    return Done(outcome=outcome, coordinate=key.origin, version=0, link=key, position=position)


def _result(line: CarriedVersion, outcome: Written | SfmError) -> Done | SfmError:
    if isinstance(outcome, SfmError):
        return outcome
    return Done(
        outcome=outcome_of(line, outcome),
        coordinate=line.coordinate,
        version=outcome.version,
        position=outcome.position if outcome.changed else None,
    )
