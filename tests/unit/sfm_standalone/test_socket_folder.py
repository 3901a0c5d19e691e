"""Where the sockets of a data folder lie: the same place for everybody who asks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sfm_standalone.socket_folder import abandon, socket_folder


def test_all_who_ask_at_once_are_told_the_same_place(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as asking:
        found = set(asking.map(lambda _: socket_folder(tmp_path), range(2000)))
    assert found == {tmp_path / "run"}


def test_where_a_path_is_too_long_the_place_is_elsewhere_and_always_the_same(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    found = {socket_folder(deep) for _ in range(3)}
    assert len(found) == 1
    [place] = found
    assert not place.is_relative_to(tmp_path)
    abandon(place)
    assert not place.exists()
