"""What the garbage collector need not look at."""

import gc


def set_aside() -> None:
    """Take all that lives now out of the collector's passes, for the life of the process.

    For the end of a warm-up: what was imported and loaded is there to stay, and a pass over all
    of it holds every thread (`docs/adr/117`). This holds them once, as long as one such pass.
    What is set aside still goes when nothing refers to it, unless it refers to itself.
    """
    gc.collect()
    gc.freeze()
