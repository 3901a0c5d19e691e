"""`POSTGRES_SSL_*` settings turned into what the driver takes."""

import ssl
from typing import Final

from sfm_core.errors import Misconfigured

_PLAIN: Final = frozenset({"disable", "allow", "prefer"})
_OTHER_NAME: Final = (62, 64)
"""OpenSSL's `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH`."""
_ALERTS: Final = ("UNKNOWN_CA", "CERTIFICATE")
_CHECKED: Final = frozenset({"verify-ca", "verify-full"})


def ssl_argument(
    mode: str | None, *, root_cert: str | None, cert: str | None, key: str | None
) -> ssl.SSLContext | str | None:
    """The driver's `ssl` argument for a libpq mode; None leaves it to the DSN.

    `require` encrypts without checking who answers unless a root certificate is given (then it
    is `verify-ca`, as in libpq); `verify-full` also checks the host's name. Without a root
    certificate the checked modes trust the system's.

    Raises:
        Misconfigured: an unknown mode, certificates without a mode that uses them, or files
            that cannot be read as certificates.
    """
    if mode is None or mode in _PLAIN:
        if root_cert or cert or key:
            raise Misconfigured("certificates are given, but POSTGRES_SSL_MODE does not use them")
        return mode
    if mode not in _CHECKED and mode != "require":
        raise Misconfigured("POSTGRES_SSL_MODE is not one of libpq's modes")
    if key and not cert:
        raise Misconfigured("POSTGRES_SSL_KEY needs POSTGRES_SSL_CERT")
    try:
        context = ssl.create_default_context(cafile=root_cert)
        if cert:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("a POSTGRES_SSL_* file cannot be read as a certificate") from error
    context.check_hostname = mode == "verify-full"
    if mode == "require" and root_cert is None:
        context.verify_mode = ssl.CERT_NONE
    return context


def tls_fault(error: ssl.SSLError) -> Misconfigured | None:
    """What of the settings a TLS error speaks of; None: a connection that was lost."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return Misconfigured("PostgreSQL's certificate is for another host than POSTGRES_URL")
        return Misconfigured(
            "PostgreSQL's certificate is not trusted: POSTGRES_SSL_ROOT_CERT did not sign it, "
            f"or it is not valid now ({error.verify_message})"
        )
    reason = error.reason or ""
    if "ALERT" in reason and any(part in reason for part in _ALERTS):
        return Misconfigured("PostgreSQL refuses the client certificate of POSTGRES_SSL_CERT")
    return None
