"""What a refusal by Redis means, without a secret in it."""

import re
import ssl
from typing import Final

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

_COMMAND: Final = re.compile(r"permissions to run the '([a-z|_ -]{1,40})' command")
_CREDENTIALS: Final = ("WRONGPASS", "NOAUTH")
_OTHER_NAME: Final = (62, 64)
"""OpenSSL's `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH`."""


def refusal(error: RedisError) -> str:
    """Why Redis answered with an error."""
    said = str(error)
    command = _COMMAND.search(said)
    if command is not None:
        return f"Redis does not permit {command[1].upper()} to the user of REDIS_URL"
    if isinstance(error, NoPermissionError) or "NOPERM" in said:
        return "Redis does not permit the keys sfm:* to the user of REDIS_URL"
    if isinstance(error, AuthenticationError) or said.startswith(_CREDENTIALS):
        return "Redis refuses the credentials of REDIS_URL"
    return "Redis refused the command"


def tls_refusal(error: BaseException) -> str | None:
    """Why a certificate was refused; None: the connection was lost for another reason."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, ssl.SSLCertVerificationError):
            if below.verify_code in _OTHER_NAME:
                return "Redis's certificate is for another host than REDIS_URL"
            return f"Redis's certificate is not trusted: {below.verify_message}"
        below = below.__cause__ or below.__context__
    return None
