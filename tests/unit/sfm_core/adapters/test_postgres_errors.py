"""Whatever the driver raises comes out as an error of the core, of a kind that says what to do."""

import asyncpg
import pytest

from sfm_core.adapters.postgres.pool import translated
from sfm_core.errors import Corrupt, InvalidInput, Misconfigured, SfmError, Unavailable

E = asyncpg.exceptions
RAISED = [
    kind
    for kind in vars(E).values()
    if isinstance(kind, type) and issubclass(kind, asyncpg.PostgresError)
]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (E.ReadOnlySQLTransactionError, Unavailable),
        (E.InvalidTransactionStateError, Unavailable),
        (E.IdleInTransactionSessionTimeoutError, Unavailable),
        (E.ConnectionDoesNotExistError, Unavailable),
        (E.ProtocolViolationError, Unavailable),
        (E.TransactionRollbackError, Unavailable),
        (E.StatementCompletionUnknownError, Unavailable),
        (E.DeadlockDetectedError, Unavailable),
        (E.InvalidCachedStatementError, Unavailable),
        (E.OutOfMemoryError, Unavailable),
        (E.DiskFullError, Unavailable),
        (E.LockNotAvailableError, Unavailable),
        (E.UniqueViolationError, Unavailable),
        (E.AdminShutdownError, Unavailable),
        (E.QueryCanceledError, Unavailable),
        (E.PostgresSystemError, Unavailable),
        (E.PostgresIOError, Unavailable),
        (E.InterfaceError, Unavailable),
        (E.InternalClientError, Unavailable),
        (ConnectionResetError, Unavailable),
        (TimeoutError, Unavailable),
        (E.InternalServerError, Corrupt),
        (E.DataCorruptedError, Corrupt),
        (E.IndexCorruptedError, Corrupt),
        (E.InsufficientPrivilegeError, Misconfigured),
        (E.UndefinedTableError, Misconfigured),
        (E.UndefinedColumnError, Misconfigured),
        (E.InvalidPasswordError, Misconfigured),
        (E.InvalidCatalogNameError, Misconfigured),
        (E.FeatureNotSupportedError, Misconfigured),
        (E.DataError, InvalidInput),
        (E.CheckViolationError, InvalidInput),
        (E.ProgramLimitExceededError, InvalidInput),
    ],
)
def test_an_error_is_of_the_kind_that_says_what_to_do(
    raised: type[Exception], kind: type[SfmError]
) -> None:
    with pytest.raises(SfmError) as caught, translated():
        raise raised("what the server said of 'secret'")
    assert type(caught.value) is kind
    assert "secret" not in caught.value.detail
    assert isinstance(caught.value.__cause__, raised)


@pytest.mark.parametrize("raised", RAISED)
def test_no_error_of_the_server_passes_untranslated(raised: type[asyncpg.PostgresError]) -> None:
    with pytest.raises(SfmError), translated():
        raise raised("whatever it is")
    assert len(RAISED) > 200


def test_errors_of_the_core_and_of_programming_pass_as_they_are() -> None:
    for error in (Corrupt("mine"), KeyError("a bug")):
        with pytest.raises(type(error)) as caught, translated():
            raise error
        assert caught.value is error
