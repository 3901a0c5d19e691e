"""Views on disk: where they are kept, and what tells a sound one from a stale one."""

from collections.abc import Collection
from typing import Protocol

from sfm_core.model.saved import CatchUp, SavedView


class ViewFiles(Protocol):
    """Views put aside, one for each namespace. A cache: losing all of it loses nothing.

    Nothing here raises for what is on disk: a file that is damaged, or cannot be read, is as
    good as none and is logged. One that cannot be removed is told.
    """

    async def load(self, namespace: str, *, stamp: str) -> SavedView | None:
        """What was saved last under just this stamp, byte for byte; None when there is none.

        A file under another stamp, or a damaged one, is removed.
        """
        ...

    async def save(self, namespace: str, view: SavedView, *, stamp: str) -> bool:
        """Put a view aside over the one before: all of it or, after a crash at any time, none.

        False: it could not be written (a full disk); the one before may be gone or not.
        """
        ...

    async def drop(self, namespace: str) -> bool:
        """Remove what is there, half written files too; durable when this returns.

        A saving that is under way elsewhere, in the same folder, comes to nothing. False: not all
        could be removed.
        """
        ...

    async def held(self, namespace: str) -> int:
        """How many files are there of a namespace, half written ones too; looks anew.

        One, if that cannot be seen.
        """
        ...

    async def keep_only(self, namespaces: Collection[str]) -> None:
        """Remove the views of all other namespaces, and what a crash left half written.

        Half written is also what has this process's number and was not begun by it: in a
        container the number is the same after each crash.
        """
        ...


class LogIdentity(Protocol):
    """What a token of the change feed belongs to, and what the store holds."""

    async def identity(self, namespace: str) -> str:
        """Names the log that tokens of now belong to: they mean nothing under another name.

        Another one when the database is another (restored elsewhere, promoted to a timeline of
        its own) and when the namespace was erased.
        """
        ...

    async def caught_up(self, namespace: str, token: int, *, model_revision: str) -> CatchUp:
        """Rows of the namespace changed since `token`, and its fingerprint with them."""
        ...
