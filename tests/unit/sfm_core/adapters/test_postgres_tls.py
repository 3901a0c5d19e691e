"""`POSTGRES_SSL_*` settings become what the driver takes."""

import ssl
from pathlib import Path

import pytest

from sfm_core.adapters.postgres.tls import ssl_argument
from sfm_core.errors import Misconfigured


@pytest.mark.parametrize("mode", [None, "disable", "allow", "prefer"])
def test_modes_that_check_nothing_go_to_the_driver_as_they_are(mode: str | None) -> None:
    assert ssl_argument(mode, root_cert=None, cert=None, key=None) == mode


@pytest.mark.parametrize(
    ("mode", "verify", "hostname"),
    [
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_each_mode_checks_what_it_says(mode: str, verify: ssl.VerifyMode, hostname: bool) -> None:
    context = ssl_argument(mode, root_cert=None, cert=None, key=None)
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (verify, hostname)


@pytest.mark.parametrize(
    ("mode", "files"),
    [
        ("verify_full", {}),
        ("", {}),
        (None, {"root_cert": "ca.pem"}),
        ("prefer", {"cert": "client.pem"}),
        ("require", {"key": "client.key"}),
        ("verify-full", {"root_cert": "missing.pem"}),
        ("verify-full", {"cert": "missing.pem"}),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    mode: str | None, files: dict[str, str], tmp_path: Path
) -> None:
    given: dict[str, str | None] = {"root_cert": None, "cert": None, "key": None}
    given |= {name: str(tmp_path / value) for name, value in files.items()}
    with pytest.raises(Misconfigured):
        ssl_argument(mode, root_cert=given["root_cert"], cert=given["cert"], key=given["key"])


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    with pytest.raises(Misconfigured):
        ssl_argument("verify-ca", root_cert=str(wrong), cert=None, key=None)
