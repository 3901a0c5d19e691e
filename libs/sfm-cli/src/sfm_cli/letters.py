"""Opening what `soma dlq` works on."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sfm_events.dlq import DeadLetters
    from sfm_events.kafka_settings import KafkaSettings

type OpenLetters = Callable[[KafkaSettings], AbstractAsyncContextManager[DeadLetters]]


@asynccontextmanager
async def opened(settings: "KafkaSettings") -> AsyncGenerator["DeadLetters"]:
    """Those of the cluster that the settings name.

    Raises:
        Misconfigured: Kafka refuses us, or the settings do not fit together.
    """
    from sfm_cli.wiring import open_letters  # noqa: PLC0415 - the whole product

    async with open_letters(settings) as letters:
        yield letters
