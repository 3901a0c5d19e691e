"""Opening and closing what a facade stands before."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self

from sfm_core.assembled import Runtime
from sfm_core.coordinates import checked_namespace
from sfm_core.errors import Unavailable


class Opened:
    """One namespace over a runtime that is open inside `async with`."""

    def __init__(self, namespace: str, opener: AbstractAsyncContextManager[Runtime]) -> None:
        self.namespace = checked_namespace(namespace)
        self._opener = opener
        self._stack = AsyncExitStack()
        self._open: Runtime | None = None

    async def __aenter__(self) -> Self:
        self._open = await self._stack.enter_async_context(self._opener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = None
        await self._stack.__aexit__(kind, error, trace)

    @property
    def runtime(self) -> Runtime:
        """The use-cases behind the facade.

        Raises:
            Unavailable: the facade is not open.
        """
        if self._open is None:
            raise Unavailable("the memory system is not open: use `async with`")
        return self._open
