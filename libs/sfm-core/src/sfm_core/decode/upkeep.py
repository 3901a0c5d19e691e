"""What is asked of an upkeep run."""

from sfm_core.decode.fields import Faults, fields, judged


def upkeep_run(raw: object, path: str = "") -> bool:
    """Whether it is to be a dry run.

    Raises:
        InvalidInput: with every fault.
    """

    def read(faults: Faults) -> bool:
        asked = fields(raw, path, faults)  # type: ignore[arg-type]  # any object is looked at
        if asked is None:
            return False
        dry_run = asked.flag("dry_run", default=False)
        asked.done()
        return dry_run

    return judged(raw, path, read)
