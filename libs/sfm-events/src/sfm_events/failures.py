"""What a handler's failure means: wait, or put a record aside."""

from collections.abc import Iterator

from sfm_core.errors import Corrupt, Misconfigured, SfmError


def is_outage(error: Exception) -> bool:
    """Whether no record is at fault: the same batch comes again.

    A wrong setting and damage in a store are for an operator, who must not find all that came
    meanwhile among the dead letters.
    """
    return isinstance(error, SfmError) and (
        error.retriable or isinstance(error, Misconfigured | Corrupt)
    )


def essence(error: Exception) -> Exception:
    """Of a group of errors the outage in it, else the first; any other as it is."""
    leaves = list(_leaves(error))
    return next((one for one in leaves if is_outage(one)), leaves[0])


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
