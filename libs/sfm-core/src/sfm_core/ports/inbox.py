"""The way in for events that somebody else wrote."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sfm_core.model import Acceptance, Arrival


class Inbox(Protocol):
    """Lets foreign events take effect exactly once, however often and late they arrive."""

    async def accept(
        self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
    ) -> Sequence[Acceptance]:
        """Apply the arrivals in their order, in one transaction; durable when this returns.

        Each effect is in the log under the arrival's own `event_id`, in the same transaction:
        what is in there is `KNOWN`, and nothing is done. `STALE`, and nothing is done: its version
        is not above that of the memory, tombstone or link; or it says that it happened, or was
        taken, no later than the namespace was last erased. So the same arrivals again, in any
        order, change nothing.

        An upsert takes the next version, or the arrival's, which is higher; its event is
        `created` or `updated` by what was there, unless its stamp says otherwise. A delete leaves
        a tombstone, also where nothing lives or ever did, so that what it ended cannot come after
        it. A link takes effect and is logged also where it changes nothing. Times are those that
        the arrivals say, but never after `now`, and never before what stood there.

        `named` is the id of a memory or tombstone of the namespace: the arrival is about that
        one, wherever its change would put it. It is no such id: the change is as it is.

        When one fails, nothing of all is written, and the outcomes are those that would have been.

        Raises:
            InvalidInput: a value that no store can hold; nothing was written.
            Unavailable: the store does not answer; whether it was written is unknown.
        """
        ...
