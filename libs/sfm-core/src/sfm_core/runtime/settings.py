"""Settings: environment variables into frozen dataclasses, once, with all faults at once.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class WorkerSettings:
        core: CoreSettings                       # a group: loaded along
        batch: int = setting("SFM_BATCH", default=100, low=1, doc="Records per batch.")
        password: Secret = setting("SFM_PASSWORD", doc="Also read from SFM_PASSWORD_FILE.")

    settings = load(WorkerSettings, os.environ)  # in `__main__`, nowhere else

A variable that is set to nothing (or blanks) counts as not set. Types: `str`, `int`, `float`
(finite), `bool` (1/0, true/false, yes/no, on/off), `Path`, `Secret`, `Literal[...]` of strings,
`tuple[str, ...]` and `tuple[float, ...]` (comma-joined), `tuple[tuple[str, ...], ...]` (`a,b;c`),
each also as `… | None`. A class may have a method
`faults(self) -> Iterable[str]` for rules that span fields; it runs once all fields are good.
"""

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, runtime_checkable

from sfm_core.errors import Misconfigured
from sfm_core.runtime.names import SFM_NAMES
from sfm_core.runtime.secret import MASK, Secret

FILE_SUFFIX: Final = "_FILE"
_MAX_SECRET_FILE_BYTES: Final = 65_536
_PREFIX: Final = "SFM_"
_IGNORED_PREFIX: Final = "SFM_TEST_"
_KEY: Final = "setting"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_REQUIRED: Final[Any] = dataclasses.MISSING

type _Hint = Any
"""What a type hint evaluates to."""
type Source = Literal["environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class _Spec:
    name: str
    doc: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of `soma settings`."""

    name: str
    value: str
    """As one would write it in the environment; secrets masked, empty when there is none."""
    source: Source
    doc: str


@runtime_checkable
class _Checked(Protocol):
    def faults(self) -> Iterable[str]: ...


def setting[T](
    name: str,
    *,
    doc: str,
    default: T = _REQUIRED,
    low: float | None = None,
    high: float | None = None,
) -> T:
    """A dataclass field that is read from variable `name`; required when it has no default.

    `low` and `high` are inclusive bounds on numbers. A `Secret` is also read from the file
    that `<name>_FILE` names, which goes before `name`.
    """
    found: T = dataclasses.field(default=default, metadata={_KEY: _Spec(name, doc, low, high)})
    return found


def load[T](
    cls: type[T],
    env: Mapping[str, str],
    *,
    require: Collection[str] = (),
    known: Iterable[type[object]] = (),
) -> T:
    """The settings of this process. Reads `*_FILE` files, so call it before the loop runs.

    `require` names optional variables that this process cannot do without; `known` are further
    settings classes whose names may be set. `SFM_TEST_*` is not looked at.

    Raises:
        Misconfigured: one error for all faults. It names variables, never values.
    """
    loading = _Loading(env, frozenset(require))
    made = loading.group(cls)
    faults = [*loading.faults, *_unknown(env, [cls, *known])]
    if made is not None and not faults:
        faults = list(_rules(made))
    if faults or made is None:
        raise Misconfigured("; ".join(faults))
    return made


def describe(settings: object, env: Mapping[str, str]) -> list[SettingRow]:
    """The effective values of loaded settings, with where each came from; secrets masked."""
    rows: list[SettingRow] = []
    for owner, field, spec in _walk(settings):
        value = getattr(owner, field)
        rows.append(SettingRow(spec.name, _shown(value), _source(spec.name, value, env), spec.doc))
    return rows


def names(cls: type[object]) -> frozenset[str]:
    """Every variable that a settings class reads, groups and `_FILE` variants included."""
    found: set[str] = set()
    for kind, spec in _fields(cls).values():
        if spec is None:
            found |= names(kind)
            continue
        found.add(spec.name)
        if _bare(kind) is Secret:
            found.add(spec.name + FILE_SUFFIX)
    return frozenset(found)


class _Loading:
    """One run over an environment, gathering faults."""

    def __init__(self, env: Mapping[str, str], require: frozenset[str]) -> None:
        self._env = env
        self._require = require
        self.faults: list[str] = []

    def group[T](self, cls: type[T]) -> T | None:
        """The object, or None when a fault keeps it from being made."""
        before = len(self.faults)
        values: dict[str, object] = {}
        for field, (kind, spec) in _fields(cls).items():
            if spec is None:
                values[field] = self.group(kind)
            else:
                self._field(field, kind, spec, _has_default(cls, field), values)
        return cls(**values) if len(self.faults) == before else None

    def _field(
        self, field: str, kind: _Hint, spec: _Spec, optional: bool, values: dict[str, object]
    ) -> None:
        bare = _bare(kind)
        text = self._env.get(spec.name, "").strip()
        path = self._env.get(spec.name + FILE_SUFFIX, "").strip() if bare is Secret else ""
        try:
            if path:
                text = _file_text(Path(path))
            if text:
                values[field] = _parsed(bare, text, spec)
            elif not optional or spec.name in self._require:
                self.faults.append(f"{spec.name} is required")
        except ValueError as error:
            self.faults.append(f"{spec.name}{FILE_SUFFIX if path else ''} {error}")


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SECRET_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({type(error).__name__})") from None
    if len(raw) > _MAX_SECRET_FILE_BYTES:
        raise ValueError("names a file that is too large for a secret")
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8") from None
    if not text:
        raise ValueError("names an empty file")
    return text


def _parsed(kind: _Hint, text: str, spec: _Spec) -> object:
    """Raises ValueError with a predicate ("is not an integer") that never quotes `text`."""
    origin: object = typing.get_origin(kind)
    if origin is Literal:
        options = typing.get_args(kind)
        if text not in options:
            raise ValueError(f"is none of {', '.join(options)}")
        return text
    value = _PARSERS[kind](text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_bounds(value, spec)
    return value


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("is not an integer")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("is not a number") from None
    if not math.isfinite(value):
        raise ValueError("is not a finite number")
    return value


def _boolean(text: str) -> bool:
    folded = text.lower()
    if folded not in _TRUE | _FALSE:
        raise ValueError("is not a boolean (1 or 0)")
    return folded in _TRUE


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(_number(part) for part in _list(text))
    except ValueError:
        raise ValueError("holds something that is not a finite number") from None


def _lists(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_list(part) for part in text.split(";"))


_PARSERS: Final[Mapping[_Hint, Callable[[str], object]]] = types.MappingProxyType(
    {
        str: str,
        int: _integer,
        float: _number,
        bool: _boolean,
        Path: Path,
        Secret: Secret,
        tuple[str, ...]: _list,
        tuple[float, ...]: _numbers,
        tuple[tuple[str, ...], ...]: _lists,
    }
)


def _check_bounds(value: float, spec: _Spec) -> None:
    low, high = spec.low, spec.high
    if (low is not None and value < low) or (high is not None and value > high):
        if high is None:
            raise ValueError(f"is below {low:g}")
        if low is None:
            raise ValueError(f"is above {high:g}")
        raise ValueError(f"is not between {low:g} and {high:g}")


def _unknown(env: Mapping[str, str], classes: Iterable[type[object]]) -> Iterator[str]:
    good = SFM_NAMES.union(*(names(cls) for cls in classes))
    for name in sorted(env):
        if not name.startswith(_PREFIX) or name.startswith(_IGNORED_PREFIX) or name in good:
            continue
        near = difflib.get_close_matches(name, sorted(good), n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"{name} is not a setting{hint}"


def _rules(made: object) -> Iterator[str]:
    if isinstance(made, _Checked):
        yield from made.faults()
    for field, (_, spec) in _fields(type(made)).items():
        if spec is None:
            yield from _rules(getattr(made, field))


def _fields(cls: type[object]) -> dict[str, tuple[_Hint, _Spec | None]]:
    """Type and spec by field name; spec None: a group. Other fields are a bug in the class."""
    hints = typing.get_type_hints(cls)
    found: dict[str, tuple[_Hint, _Spec | None]] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # checked by the caller
        spec = field.metadata.get(_KEY)
        if spec is None and not dataclasses.is_dataclass(hints[field.name]):
            raise TypeError(f"{cls.__name__}.{field.name} is neither a setting() nor a group")
        found[field.name] = (hints[field.name], spec)
    return found


def _walk(settings: object) -> Iterator[tuple[object, str, _Spec]]:
    for field, (_, spec) in _fields(type(settings)).items():
        if spec is None:
            yield from _walk(getattr(settings, field))
        else:
            yield settings, field, spec


def _has_default(cls: type[object], field: str) -> bool:
    [match] = [f for f in dataclasses.fields(cls) if f.name == field]  # type: ignore[arg-type]
    return match.default is not dataclasses.MISSING


def _bare(kind: _Hint) -> _Hint:
    """The type without `| None`, aliases resolved."""
    if isinstance(kind, typing.TypeAliasType):
        return _bare(kind.__value__)
    origin: object = typing.get_origin(kind)
    if origin is typing.Union or origin is types.UnionType:
        rest = [part for part in typing.get_args(kind) if part is not type(None)]
        if len(rest) == 1:
            return _bare(rest[0])
    return kind


def _source(name: str, value: object, env: Mapping[str, str]) -> Source:
    if isinstance(value, Secret) and env.get(name + FILE_SUFFIX, "").strip():
        return "file"
    return "environment" if env.get(name, "").strip() else "default"


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return MASK
        case bool():
            return "1" if value else "0"
        case tuple() if any(isinstance(part, tuple) for part in value):
            return ";".join(_shown(part) for part in value)
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return str(value)
