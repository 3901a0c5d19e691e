"""Who calls, and how far the credential reaches.

`Credentials` is the seam: the admin token of the environment is one implementation, keys per
namespace are another. A namespace always comes from the path and is checked against the
principal, never taken from a body.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, final

from sfm_core.errors import Forbidden
from sfm_core.runtime.secret import Secret


class Access(StrEnum):
    """What a call needs; a credential carries a set of these."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The holder of a credential."""

    name: str
    access: frozenset[Access]
    namespaces: frozenset[str] | None = None
    """None: every namespace."""

    def sees(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces

    def require(self, access: Access, namespace: str | None) -> None:
        """Nothing, when the credential reaches that far.

        Raises:
            Forbidden: it lacks the access, or the namespace is not one of its own.
        """
        if access not in self.access:
            raise Forbidden(f"this token has no {access} access")
        if namespace is not None and not self.sees(namespace):
            raise Forbidden("this token does not reach that namespace")


class Credentials(Protocol):
    async def principal(self, token: bytes) -> Principal | None:
        """Whose token this is; None when it is nobody's.

        Takes the same time for a wrong token as for a right one of the same length.

        Raises:
            Unavailable: the answer cannot be known now.
        """
        ...


ADMIN: Final = Principal(name="admin", access=frozenset(Access))


@final
class AdminToken:
    """One token that may do everything in every namespace."""

    def __init__(self, token: Secret) -> None:
        self._token = token.value.encode("utf-8")

    async def principal(self, token: bytes) -> Principal | None:
        return ADMIN if hmac.compare_digest(token, self._token) else None
