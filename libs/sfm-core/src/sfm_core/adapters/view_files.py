"""Views as files: a header that names every part, and the parts, each with its checksum.

    SFMVIEW1 | length of the header | header (JSON) | its checksum | parts, 64-byte aligned

The header says under which stamp the view was saved. A file is written beside its place, made
durable, and renamed: a crash leaves the old one or the new one.
"""

import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import anyio
import anyio.to_thread
import numpy as np
import numpy.typing as npt
import orjson

from sfm_core.errors import Corrupt
from sfm_core.model.saved import SavedView

_LOG: Final = logging.getLogger(__name__)
MAGIC: Final = b"SFMVIEW1"
MAX_HEADER: Final = 1 << 20
_ALIGNED: Final = 64
_SUFFIX: Final = ".view"
_PART: Final = re.compile(r"\.([a-z0-9_.-]+)\.part-([0-9]+)-[0-9]+")
_TYPES: Final = frozenset({"|u1", "|b1", "|i1", "<u2", "<i4", "<i8", "<f4", "<f8"})
_NUMBERS: Final = count()

type AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    """From the end of the header, aligned."""
    size: int
    digest: str


@final
class DiskViewFiles:
    """Implements `ViewFiles` in one folder, which is made; readable for its owner only.

    Arrays of a loaded view are mapped, not read: whoever takes a view over copies them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: set[str] = set()  # names of parts that are being written

    async def load(self, namespace: str, *, stamp: str) -> SavedView | None:
        return await anyio.to_thread.run_sync(self._load, namespace, stamp)

    async def save(self, namespace: str, view: SavedView, *, stamp: str) -> bool:
        return await anyio.to_thread.run_sync(self._save, namespace, view, stamp)

    async def drop(self, namespace: str) -> bool:
        return await anyio.to_thread.run_sync(self._drop, namespace)

    async def held(self, namespace: str) -> int:
        return await anyio.to_thread.run_sync(self._held, namespace)

    async def keep_only(self, namespaces: Collection[str]) -> None:
        await anyio.to_thread.run_sync(self._keep_only, frozenset(namespaces))

    def _place(self, namespace: str) -> Path:
        return self._folder / f"{namespace}{_SUFFIX}"

    def _load(self, namespace: str, stamp: str) -> SavedView | None:
        path = self._place(namespace)
        try:
            saved = _read(path, stamp)
        except FileNotFoundError:
            return None
        except (Corrupt, OSError) as error:
            reason = error.detail if isinstance(error, Corrupt) else type(error).__name__
            _LOG.warning("snapshot.refused", extra={"namespace": namespace, "reason": reason})
            self._drop(namespace)
            return None
        return saved

    def _save(self, namespace: str, view: SavedView, stamp: str) -> bool:
        part = self._folder / f".{namespace}.part-{os.getpid()}-{next(_NUMBERS)}"
        self._begun.add(part.name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                _write(out, view, stamp)
                out.flush()
                os.fsync(out.fileno())
            part.replace(self._place(namespace))
            self._sync_folder()
        except OSError as error:
            _LOG.warning(
                "snapshot.not_saved",
                extra={"namespace": namespace, "reason": type(error).__name__},
            )
            self._remove(namespace, [part])
            return False
        finally:
            self._begun.discard(part.name)
        return True

    def _drop(self, namespace: str) -> bool:
        try:
            paths = self._of(namespace)
        except OSError as error:
            _not_removed(namespace, error)
            return False
        return self._remove(namespace, paths)

    def _held(self, namespace: str) -> int:
        try:
            return len(self._of(namespace))
        except OSError:
            return 1

    def _of(self, namespace: str) -> list[Path]:
        """The files of a namespace, half written ones too."""
        if not self._folder.exists():
            return []
        return [path for path in self._folder.iterdir() if _namespace_of(path.name) == namespace]

    def _remove(self, namespace: str, paths: Sequence[Path]) -> bool:
        """Whether they are gone, for good."""
        if not paths:
            return True
        gone = True
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _not_removed(namespace, error)
                gone = False
        try:
            self._sync_folder()
        except FileNotFoundError:
            return True
        except OSError as error:
            _not_removed(namespace, error)
            return False
        return gone

    def _keep_only(self, namespaces: frozenset[str]) -> None:
        if not self._folder.is_dir():
            return
        for path in list(self._folder.iterdir()):
            if half := _PART.fullmatch(path.name):
                if not self._is_being_written(path.name, int(half[2])):
                    self._remove(half[1], [path])
            elif path.name.endswith(_SUFFIX):
                namespace = path.name.removesuffix(_SUFFIX)
                if namespace not in namespaces:
                    self._drop(namespace)

    def _is_being_written(self, part: str, pid: int) -> bool:
        return part in self._begun if pid == os.getpid() else _runs(pid)

    def _sync_folder(self) -> None:
        """Make a rename or a removal durable."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _namespace_of(name: str) -> str | None:
    """Whose file this is, whole or half written."""
    if half := _PART.fullmatch(name):
        return half[1]
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else None


def _not_removed(namespace: str, error: OSError) -> None:
    reason = type(error).__name__
    _LOG.warning("snapshot.not_removed", extra={"namespace": namespace, "reason": reason})


def _runs(pid: int) -> bool:
    """Whether a process of this number is alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


# -- the format --------------------------------------------------------------------------------


def _write(out: BinaryIO, view: SavedView, stamp: str) -> None:
    blocks = dict(_blocks(view))
    parts, offset = [], 0
    for name, array in blocks.items():
        digest = _digest(array)
        parts.append(_Part(name, array.dtype.str, array.shape, offset, array.nbytes, digest))
        offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
    facts = {"stamp": stamp, "token": view.token, "position": view.position, "parts": parts}
    header = orjson.dumps(facts)
    start = len(MAGIC) + 8 + len(header) + 32
    out.write(MAGIC + len(header).to_bytes(8, "little") + header)
    out.write(blake2b(header, digest_size=32).digest())
    out.write(b"\0" * (-start % _ALIGNED))
    for array in blocks.values():
        out.write(memoryview(array).cast("B") if array.nbytes else b"")
        out.write(b"\0" * (-array.nbytes % _ALIGNED))


def _blocks(view: SavedView) -> Iterator[tuple[str, AnyArray]]:
    for name, array in view.arrays.items():
        yield f"array:{name}", np.ascontiguousarray(array)
    for name, text in view.texts.items():
        yield f"text:{name}", np.frombuffer(orjson.dumps(list(text)), dtype=np.uint8)


def _read(path: Path, stamp: str) -> SavedView:
    """What the file holds.

    Raises:
        Corrupt: it is damaged, or was saved under another stamp.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        facts, start = _header(file)
    if facts.get("stamp") != stamp:
        raise Corrupt("saved under another stamp")
    blocks = np.memmap(path, dtype=np.uint8, mode="r")
    arrays: dict[str, AnyArray] = {}
    texts: dict[str, list[Any]] = {}
    for part in _parts(facts):
        kind, _, name = part.name.partition(":")
        array = _block(blocks, part, start)
        if kind == "array":
            arrays[name] = array
        else:
            texts[name] = _text(array)
    return SavedView(arrays=arrays, texts=texts, token=facts["token"], position=facts["position"])


def _header(file: BinaryIO) -> tuple[Mapping[str, Any], int]:
    """The header, and where the parts begin."""
    fixed = file.read(len(MAGIC) + 8)
    size = int.from_bytes(fixed[len(MAGIC) :], "little")
    if fixed[: len(MAGIC)] != MAGIC or len(fixed) != len(MAGIC) + 8 or size > MAX_HEADER:
        raise Corrupt("not a view, or of another format")
    header, digest = file.read(size), file.read(32)
    if blake2b(header, digest_size=32).digest() != digest:
        raise Corrupt("the header is damaged")
    facts = orjson.loads(header)
    start = len(fixed) + size + 32
    return facts, start + -start % _ALIGNED


def _parts(facts: Mapping[str, Any]) -> Iterator[_Part]:
    for part in facts["parts"]:
        if part["dtype"] not in _TYPES:
            raise Corrupt("a part has an unknown type")
        yield _Part(**{**part, "shape": tuple(part["shape"])})


def _block(blocks: AnyArray, part: _Part, start: int) -> AnyArray:
    raw = blocks[start + part.offset : start + part.offset + part.size]
    if raw.shape[0] != part.size or _digest(raw) != part.digest:
        raise Corrupt(f"part {part.name} is damaged")
    found: AnyArray = raw.view(part.dtype).reshape(part.shape)
    return found


def _text(array: AnyArray) -> list[Any]:
    found = orjson.loads(array.tobytes())
    if not isinstance(found, list):
        raise Corrupt("a text part is no list")
    return found


def _digest(array: AnyArray) -> str:
    plain = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return blake2b(plain.data, digest_size=16).hexdigest()
