"""What is wrong with one memory in the index, seen beside the record store's."""

from dataclasses import dataclass

from sfm_core.model import LedgerRow, RepairKind


@dataclass(frozen=True, slots=True)
class Held:
    """A memory as the index has it."""

    position: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be done to a memory in the index."""

    kind: RepairKind
    ahead: bool = False
    """The index is as of a later position than the record store, whose log is another one now
    (a backup): the fence has to go first."""


def difference(held: Held | None, row: LedgerRow | None) -> Difference | None:
    """None: they agree. A tombstone need not be in the index."""
    if row is None:
        return None if held is None else Difference(RepairKind.REMOVED)
    ahead = held is not None and held.position > row.position
    if row.deleted:
        shown = held is not None and not held.deleted
        return Difference(RepairKind.BURIED, ahead) if shown or ahead else None
    if not row.embedded:
        return Difference(RepairKind.EMBEDDED, ahead)
    if held is None or held.deleted or held.position != row.position:
        return Difference(RepairKind.PUT, ahead)
    return None


def lacking(row: LedgerRow) -> Difference | None:
    """Where there is no index: whether a memory lacks its vector."""
    needs = not row.deleted and not row.embedded
    return Difference(RepairKind.EMBEDDED) if needs else None
