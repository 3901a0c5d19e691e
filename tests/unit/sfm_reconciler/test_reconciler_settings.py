"""What the reconciler is started with."""

import pytest

from sfm_core.errors import Misconfigured
from sfm_core.runtime.settings import load
from sfm_reconciler.__main__ import main
from sfm_reconciler.settings import ReconcilerSettings


def test_its_probes_are_on_8003() -> None:
    assert load(ReconcilerSettings, {}).worker.metrics_port == 8003


def test_fewer_connections_than_its_jobs_need_are_refused() -> None:
    with pytest.raises(Misconfigured, match="POSTGRES_POOL_SIZE"):
        load(ReconcilerSettings, {"POSTGRES_POOL_SIZE": "3"})


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rebuild"]) == 2
    assert "--rebuild-collection" in capsys.readouterr().err
