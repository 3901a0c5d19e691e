"""From lines to what they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from sfm_core import jsontext
from sfm_core.decode.transfers import LINE, transfer_line
from sfm_core.errors import Fault, InvalidInput, TooLarge
from sfm_core.model import ExportEnd, ExportHeader, TransferLine
from sfm_core.transfer.seal import Seal

_START_MISSING: Final = Fault("/sfm", "is the end of an export whose start is not here")


@dataclass(frozen=True, slots=True)
class Read:
    """One line."""

    number: int
    value: TransferLine | InvalidInput
    revision: str = ""
    """The model revision that its vector is of; empty: not known."""


@final
class Reader:
    """Reads the lines of one import in order, off the event loop, and watches its seals."""

    def __init__(self) -> None:
        self._seal: Seal | None = None
        self._revision = ""
        self._ends = 0
        self._broken = False

    @property
    def complete(self) -> bool | None:
        """Whether each export in the stream came whole; None: it held none, only lines."""
        if self._seal is not None or self._broken:
            return False
        return True if self._ends else None

    def read(self, lines: Sequence[tuple[int, bytes | None]]) -> list[Read]:
        return [self._line(number, raw) for number, raw in lines]

    def _line(self, number: int, raw: bytes | None) -> Read:
        value = _value(raw)
        if isinstance(value, ExportHeader):
            self._broken = self._broken or self._seal is not None
            self._seal, self._revision = Seal(), value.model_revision
        elif isinstance(value, ExportEnd):
            value = self._ended(value)
            return Read(number, value)
        if self._seal is not None:
            self._seal.add(b"" if raw is None else raw)
        return Read(number, value, self._revision)

    def _ended(self, end: ExportEnd) -> ExportEnd | InvalidInput:
        seal, self._seal = self._seal, None
        self._revision = ""
        self._ends += 1
        fault = _START_MISSING if seal is None else seal.fault(end)
        if fault is None:
            return end
        self._broken = True
        return InvalidInput(fault.message, faults=[fault])


def _value(raw: bytes | None) -> TransferLine | InvalidInput:
    if raw is None:
        return TooLarge("the line is too long", path="")
    limits = replace(LINE, size_bytes=len(raw))  # the cutter has judged its length
    try:
        return transfer_line(jsontext.loads(raw, limits=limits))
    except InvalidInput as error:
        said = [Fault(f.path, f.message.replace("the body", "the line")) for f in error.faults]
        return type(error)(error.detail.replace("the body", "the line"), faults=said)
