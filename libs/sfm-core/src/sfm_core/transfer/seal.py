"""How a cut or changed file is told from a whole one."""

from hashlib import blake2b
from typing import final

from sfm_core.errors import Fault
from sfm_core.model import ExportEnd

_DIGEST_BYTES = 16


@final
class Seal:
    """Counts and digests the lines of one export, from its header to the line before its end."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=_DIGEST_BYTES)
        self.lines = 0

    def add(self, line: bytes) -> None:
        """Take in a line, without its end."""
        self._digest.update(line)
        self._digest.update(b"\n")
        self.lines += 1

    def digest(self) -> str:
        return self._digest.hexdigest()

    def fault(self, end: ExportEnd) -> Fault | None:
        """What does not fit what the end says; None: the export is whole."""
        if end.lines != self.lines:
            said = f"the export had {end.lines} lines before its end, here are {self.lines}"
            return Fault("/lines", said)
        if end.digest != self.digest():
            return Fault("/digest", "lines of the export were changed")
        return None
