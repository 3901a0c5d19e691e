"""Lines that can be written in one transaction without getting out of order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.model import CarriedLink, CarriedSample, CarriedVersion, LinkKey
from sfm_core.transfer.reading import Read


@dataclass(slots=True)
class Batch:
    """Consecutive lines: refused ones, and either memories at distinct coordinates, or samples, or
    links.
    """

    versions: list[tuple[Read, CarriedVersion]] = field(default_factory=list)
    samples: list[tuple[Read, CarriedSample]] = field(default_factory=list)
    links: list[tuple[Read, CarriedLink]] = field(default_factory=list)
    refused: list[tuple[int, InvalidInput]] = field(default_factory=list)
    places: set[Coordinate] = field(default_factory=set)
    keys: set[LinkKey] = field(default_factory=set)
    last: int = 0
    """Number of its last line."""
    ends: bool = False
    """It holds the end of a memory: nothing is stored behind one in the same transaction, which
    stores first and deletes then."""

    def takes(self, read: Read) -> bool:
        match read.value:
            case CarriedVersion(coordinate=place, draft=draft):
                behind_an_end = self.ends and draft is not None
                return not (self.samples or self.links or behind_an_end or place in self.places)
            case CarriedSample():
                return not (self.versions or self.links)
            case CarriedLink(key=key):
                return not (self.versions or self.samples or key in self.keys)
            case _:
                return True

    def add(self, read: Read) -> None:
        self.last = read.number
        match read.value:
            case CarriedVersion() as version:
                self.versions.append((read, version))
                self.places.add(version.coordinate)
                self.ends = self.ends or version.draft is None
            case CarriedSample() as sample:
                self.samples.append((read, sample))
            case CarriedLink() as link:
                self.links.append((read, link))
                self.keys.add(link.key)
            case InvalidInput() as error:
                self.refused.append((read.number, error))
            case _:
                pass


def batches_of(lines: Sequence[Read]) -> Iterator[Batch]:
    """The lines in order, cut where one transaction would change their order in the log."""
    batch = Batch()
    for read in lines:
        if not batch.takes(read):
            yield batch
            batch = Batch()
        batch.add(read)
    yield batch
