"""What becomes of a line, given what is stored under its coordinate."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from sfm_core import jsontext
from sfm_core.model import (
    F32,
    CarriedLink,
    CarriedVersion,
    Delete,
    EventType,
    ImportMode,
    JsonObject,
    LinkOccupant,
    MemoryDraft,
    Occupant,
    Precondition,
    Stamp,
    Upsert,
    Written,
)
from sfm_core.remember import content_key
from sfm_core.text import effective_text, indexed_text


class Outcome(StrEnum):
    """What became of a line."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    """What it says is so already."""
    KEPT = "kept"
    """What is stored is as new or newer, and something else."""


def idle(line: CarriedVersion, standing: Occupant | None, mode: ImportMode) -> Outcome | None:
    """The outcome of a line that changes nothing; None: it is to be written.

    Newer is what was updated later, then what has the higher version. A line that does not say
    when is newer than all.
    """
    if standing is None:
        return Outcome.UNCHANGED if line.draft is None else None
    if _same(line, standing):
        return Outcome.UNCHANGED
    newer = _is_newer(line, standing)
    if newer and line.draft is None and standing.memory is None:
        return Outcome.UNCHANGED
    if newer or (mode is ImportMode.REPLACE and line.latest):
        return None
    return Outcome.KEPT if line.latest else Outcome.UNCHANGED


def _is_newer(line: CarriedVersion, standing: Occupant) -> bool:
    if line.updated_at is None:
        return True
    said = (line.updated_at, line.version or 0)
    return said > (standing.updated_at, standing.version)


def _same(line: CarriedVersion, standing: Occupant) -> bool:
    """Whether a line adds nothing: the same content, which stands for as long or longer."""
    if line.draft is None or standing.memory is None:
        return line.draft is None and standing.memory is None
    if not _say_the_same(line.draft, standing.memory.draft):
        return False
    if line.updated_at is None:
        return True
    born = line.created_at in (None, standing.memory.created_at)
    return born and not _is_newer(line, standing)


def _say_the_same(one: MemoryDraft, other: MemoryDraft) -> bool:
    """Equal as JSON, in which `1`, `1.0` and `true` differ, and the order of keys counts."""
    plain: JsonObject = {}
    return replace(one, payload=plain) == replace(other, payload=plain) and (
        jsontext.dumps(one.payload) == jsontext.dumps(other.payload)
    )


def idle_link(line: CarriedLink, standing: LinkOccupant | None, mode: ImportMode) -> Outcome | None:
    """As `idle`, of a link; the same weight is the same link."""
    if standing is None:
        return None
    if standing.weight == line.weight:
        return Outcome.UNCHANGED
    newer = line.updated_at is None or line.updated_at > standing.updated_at
    return None if newer or mode is ImportMode.REPLACE else Outcome.KEPT


def searched(line: CarriedVersion) -> str:
    """The text that is embedded for a line that has a memory."""
    if line.draft is None:
        return ""
    draft = line.draft
    text = effective_text(draft)
    return indexed_text(text, source=draft.source, occurred_at=draft.occurred_at)


def write_of(
    line: CarriedVersion,
    standing: Occupant | None,
    vectors: Mapping[str, F32],
    model_revision: str,
    vector: F32 | None,
) -> Upsert | Delete:
    """The write that makes it so, if what is stored is still what was looked at.

    Versions and times are those of the line as far as they lie ahead of what is stored; so a
    history stays in order, whatever is imported over it.
    """
    updated_at = line.updated_at
    if updated_at is not None and standing is not None:
        updated_at = max(updated_at, standing.updated_at)
    stamp = Stamp(
        event=line.event,
        created_at=line.created_at,
        updated_at=updated_at,
        version=line.version,
    )
    version = 0 if standing is None else standing.version
    if standing is None or standing.memory is None:
        unchanged = Precondition(ended=version)
    else:
        unchanged = Precondition(version=version)
    if line.draft is None:
        return Delete(coordinate=line.coordinate, precondition=unchanged, stamp=stamp)
    return Upsert(
        coordinate=line.coordinate,
        draft=line.draft,
        text=effective_text(line.draft),
        vector=vectors[searched(line)] if vector is None else vector,
        model_revision=model_revision,
        content_key=content_key(line.draft),
        precondition=unchanged,
        stamp=stamp,
    )


def outcome_of(line: CarriedVersion, written: Written) -> Outcome:
    if line.draft is None:
        return Outcome.DELETED if written.changed else Outcome.UNCHANGED
    created = written.type is EventType.CREATED
    return Outcome.CREATED if created else Outcome.UPDATED
