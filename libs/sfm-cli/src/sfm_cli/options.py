"""What several commands take: the target, coordinates, and the fields of a memory."""

import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, override

import click
from rich.console import RenderableType

from sfm_cli.client import INDEXED, WAITS, Client, Condition, Document
from sfm_cli.failures import told
from sfm_cli.output import say, say_json
from sfm_cli.session import Session, run
from sfm_cli.target import Target, target_of
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Fault, InvalidInput

_NEGATIVE: Final = re.compile(r"-[0-9][-0-9.,eE+]*")
_INTEGER: Final = re.compile(r"-?[0-9]{1,400}")
_KEY: Final = re.compile(r"[!-~]{1,255}")
_LARGEST_VERSION: Final = 10**18 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One command line's way to the memory it asks for."""

    session: Session
    namespace: str | None
    url: str | None
    token: str | None
    as_json: bool

    def target(self) -> Target:
        return target_of(self.session.env, namespace=self.namespace, url=self.url, token=self.token)

    def ask[T](self, body: Callable[[Client], Awaitable[T]], *, writes: bool = False) -> T:
        """What `body` gives over an open client, which is closed again."""
        target = self.target()

        async def asked() -> T:
            async with self.session.connect(target, writes) as client:
                return await body(client)

        return run(asked)

    def show(self, document: Document, table: Callable[[Document], RenderableType]) -> None:
        """The document as REST writes it when asked for, else as a table for people."""
        if self.as_json:
            say_json(document)
        else:
            say(table(document))


def talks(command: Callable[..., None]) -> Callable[..., None]:
    """A command over a memory: takes the options that say which, gets them as a `Talk`."""

    @functools.wraps(command)
    def talking(
        *,
        namespace: str | None,
        url: str | None,
        token: str | None,
        as_json: bool,
        **rest: object,
    ) -> None:
        session = click.get_current_context().find_object(Session)
        if session is None:
            raise click.UsageError("run it as `soma`")
        talk = Talk(session=session, namespace=namespace, url=url, token=token, as_json=as_json)
        with told(as_json=as_json):
            command(talk, **rest)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the REST document."),
        click.option("--token", metavar="TOKEN", help="Bearer token; better SOMA_API_TOKEN_FILE."),
        click.option("--url", metavar="URL", help="Server to talk to. [SOMA_URL]"),
        click.option("-n", "--namespace", metavar="NAME", help="[SOMA_NAMESPACE, else default]"),
    ):
        talking = option(talking)
    return talking


class CoordinateFirst(click.Command):
    """Takes an argument such as `-1,2` for a coordinate, not for an option."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(_NEGATIVE.fullmatch(arg) for arg in args):
            ctx.ignore_unknown_options = True
        return super().parse_args(ctx, args)


def coordinate_argument(command: Callable[..., None]) -> Callable[..., None]:
    return click.argument("coordinate", metavar="COORD")(command)


def coordinate_of(text: str, path: str = "/coordinate") -> Coordinate:
    """Raises `InvalidInput`, with the axis under `path`, when the text names none."""
    try:
        return Coordinate.parse(text)
    except InvalidInput as error:
        faults = [
            Fault(path + fault.path.removeprefix("/coordinate"), fault.message)
            for fault in error.faults
        ]
        raise InvalidInput(faults[0].message, faults=faults) from None


class JsonNumber(click.ParamType[int | float]):
    """A number as JSON has it, so that the server judges what was written: 2**63 is no float."""

    name = "float"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        if isinstance(value, int | float):
            return value
        try:
            return int(value) if _INTEGER.fullmatch(value) else float(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid float.", param, ctx)


NUMBER: Final = JsonNumber()


def key_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--idempotency-key",
        "key",
        metavar="KEY",
        help="The same call with the same key again gives the first answer again.",
    )(command)


def wait_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--wait",
        type=click.Choice(WAITS),
        default=INDEXED,
        help="Whether to wait for the vector index, where there is one.",
    )(command)


def checked_key(key: str | None) -> str | None:
    """`key`, when a header can carry it.

    Raises:
        InvalidInput: it is not 1 to 255 visible ASCII characters.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInput("must be 1 to 255 visible ASCII characters", path="/Idempotency-Key")
    return key


def version_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--if-version",
        type=click.IntRange(1, _LARGEST_VERSION),
        metavar="N",
        help="Only when the memory there has this version.",
    )(command)


def condition_of(if_version: int | None, *, if_absent: bool = False) -> Condition | None:
    if if_version is not None and if_absent:
        raise click.UsageError("--if-version and --if-absent exclude each other")
    if if_version is None and not if_absent:
        return None
    return Condition(version=if_version, absent=if_absent)


def memory_options(command: Callable[..., None]) -> Callable[..., None]:
    """Payload and fields; the command gets them as `given`, a mapping for `payload.memory_of`."""

    @functools.wraps(command)
    def gathering(*args: object, **rest: object) -> None:
        given = {name: rest.pop(name) for name in _FIELDS}
        command(*args, given=given, **rest)

    for option in reversed(
        (
            click.argument("payload", required=False),
            click.option("--text", metavar="WORDS", help="What is searched; alone: the payload."),
            click.option("--kind", type=click.Choice(["episodic", "semantic"])),
            click.option("--importance", type=NUMBER, metavar="X", help="On any scale. [1]"),
            click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be repeated."),
            click.option("--session", metavar="NAME", help="The conversation or run it is of."),
            click.option("--source", metavar="NAME", help="Who said or saw it."),
            click.option("--occurred-at", metavar="TIME", help="Like 2026-05-01T12:00:00Z."),
            click.option("--expires-at", metavar="TIME", help="From when on it is hidden."),
            click.option("--pinned", is_flag=True, help="Neither decays nor is pruned."),
        )
    ):
        gathering = option(gathering)
    return gathering


_FIELDS: Final = (
    *("payload", "text", "kind", "importance", "tags", "session", "source"),
    *("occurred_at", "expires_at", "pinned"),
)
