"""The setting is taken where glibc is, and harms nobody elsewhere."""

import platform

from sfm_core.runtime.heap import few_arenas


def test_glibc_takes_it_and_others_are_left_alone() -> None:
    assert few_arenas() is (platform.libc_ver()[0] == "glibc")
