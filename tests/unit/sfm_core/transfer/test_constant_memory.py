"""How much an import and an export hold, counted: never more than a block, or a page."""

from collections.abc import AsyncIterator

from sfm_core.transfer.importing import BLOCK_BYTES, BLOCK_LINES
from sfm_core.transfer.lines import LineCutter
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.transfer.transfers import exported


async def test_an_import_reads_on_only_when_the_results_before_were_taken() -> None:
    given = taken = ahead = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal given, ahead
        for i in range(5000):
            ahead = max(ahead, given - taken)
            given += 1
            yield b'{"coordinate":[%d],"payload":{}}\n' % (i % 1700)

    async with twin_runtime() as runtime:
        async for results in runtime.imports.results("a", source()):
            taken += sum("line" in one for one in results)
    assert taken == 5000
    assert BLOCK_LINES - 1 <= ahead <= BLOCK_LINES


async def test_large_lines_make_smaller_blocks() -> None:
    held = worst = 0
    line = b'{"coordinate":[%d],"payload":{"a":"' + b"x" * 200_000 + b'"},"text":"x"}\n'

    async def source() -> AsyncIterator[bytes]:
        nonlocal held, worst
        for i in range(60):
            held += len(line)
            worst = max(worst, held)
            yield line % i

    async with twin_runtime() as runtime:
        async for results in runtime.imports.results("a", source()):
            held -= len(line) * sum("line" in one for one in results)
            assert all(one.get("status", 201) == 201 for one in results)
    assert held == 0
    assert worst <= BLOCK_BYTES + 2 * len(line)


async def test_an_export_asks_for_a_page_only_when_the_one_before_was_taken() -> None:
    async with twin_runtime() as runtime:
        lines = b"".join(b'{"coordinate":[%d],"payload":{}}\n' % i for i in range(2000))

        async def source() -> AsyncIterator[bytes]:
            yield lines

        async for _ in runtime.imports.results("a", source()):
            pass
        pieces = runtime.exports.lines("a")
        sizes = [len(piece.splitlines()) async for piece in pieces]
        assert sum(sizes) == 2002
        assert max(sizes) <= 500
        assert len(await exported(runtime, "a")) > 2000


def test_of_a_line_without_an_end_only_as_much_is_held_as_is_allowed() -> None:
    cutter = LineCutter(1000)
    for _ in range(10_000):
        assert list(cutter.feed(b"x" * 100)) == []
        assert cutter.held_bytes <= 1000
    assert list(cutter.feed(b"\nok\n\n ok \r\nlast")) == [(1, None), (2, b"ok"), (4, b"ok")]
    assert list(cutter.finish()) == [(5, b"last")]


def test_lines_do_not_depend_on_where_the_stream_is_cut() -> None:
    text = b'a\r\n\nbb\n{"c": 1}\n' + b"y" * 30 + b"\nz"
    for size in range(1, len(text) + 1):
        cutter = LineCutter(20)
        found = [one for i in range(0, len(text), size) for one in cutter.feed(text[i : i + size])]
        found += cutter.finish()
        assert found == [(1, b"a"), (3, b"bb"), (4, b'{"c": 1}'), (5, None), (6, b"z")], size
