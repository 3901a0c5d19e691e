"""What Kafka's client says went wrong, in the words of `sfm_core.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from sfm_core.errors import InvalidInput, TooLarge, Unavailable


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of the client come out of the block as ours; `doing` ends "Kafka did not …".

    Raises:
        TooLarge: a message is larger than the topic takes.
        InvalidInput: the topic's name is none.
        Unavailable: anything else.
    """
    try:
        yield
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        raise TooLarge("a message is larger than the topic takes") from error
    except InvalidTopicError as error:
        raise InvalidInput("the topic's name is none that Kafka takes") from error
    except TimeoutError as error:
        raise Unavailable(f"Kafka did not {doing} in time") from error
    except KafkaConnectionError as error:
        raise Unavailable("Kafka cannot be reached") from error
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka did not {doing}: {type(error).__name__}") from error
