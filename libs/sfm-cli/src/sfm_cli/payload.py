"""A memory as the command line gives it, as the document that REST takes."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from sfm_cli.client import Document
from sfm_core import jsontext
from sfm_core.errors import InvalidInput

_FIELDS: Final = (
    *("text", "kind", "importance", "tags", "session", "source", "occurred_at", "expires_at"),
    "pinned",
)


def memory_of(given: Mapping[str, Any]) -> Document:
    """The `Memory in` of the contract; what was not given is left out.

    The payload is JSON when it starts with `{` or `[`, else words, which become
    `{"text": words}`; `@file` is a file's content, `-` that of stdin. `--text` alone is words,
    beside a payload it is the field `text`.

    Raises:
        InvalidInput: the payload is not JSON, or not UTF-8.
        click.UsageError: there is none, or its file cannot be read.
    """
    words = given["text"]
    if given["payload"] is None:
        if not words:
            raise click.UsageError("give a payload, or --text")
        payload: object = {"text": words}
    else:
        payload = _payload(_content(given["payload"]))
    fields = said({name: given[name] for name in _FIELDS})
    if given["payload"] is None:
        del fields["text"]
    return {"payload": payload} | fields


def patch_of(given: Mapping[str, Any]) -> Document:
    """The `MemoryPatch` of the contract; the payload is read as for `memory_of`.

    Raises:
        InvalidInput: the payload is not JSON, or not UTF-8.
        click.UsageError: two options contradict each other, or its file cannot be read.
    """
    if given["tags"] and given["no_tags"]:
        raise click.UsageError("--tag and --no-tags exclude each other")
    if given["expires_at"] is not None and given["never_expires"]:
        raise click.UsageError("--expires-at and --never-expires exclude each other")
    body = said({name: given[name] for name in ("importance", "tags", "expires_at")})
    if given["no_tags"]:
        body["tags"] = []
    if given["never_expires"]:
        body["expires_at"] = None
    if given["pinned"] is not None:
        body["pinned"] = given["pinned"]
    if given["payload"] is not None:
        body["payload"] = _payload(_content(given["payload"]))
    return body


def said(given: Mapping[str, Any]) -> Document:
    """The options that were given: neither absent, nor an empty repetition, nor a flag not set."""
    return {
        name: value
        for name, value in given.items()
        if value is not None and value is not False and value != ()
    }


def json_option(text: str, path: str) -> object:
    """The value of an option that takes JSON.

    Raises:
        InvalidInput: it is not JSON; its faults lie under `path`.
    """
    return jsontext.loads_under(text, path)


def _content(given: str) -> str:
    if given == "-":
        return _text(sys.stdin.buffer)
    if given.startswith("@"):
        try:
            with Path(given[1:]).open("rb") as file:
                return _text(file)
        except OSError as error:
            raise click.UsageError(f"{given[1:]}: {error.strerror}") from error
    return given


def _text(stream: BinaryIO) -> str:
    """One byte more than a payload may have is enough to refuse it."""
    raw = stream.read(jsontext.ONE.size_bytes + 1)
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise InvalidInput("is not UTF-8", path="/payload") from None


def _payload(text: str) -> object:
    if not text.strip():
        raise click.UsageError("the payload is empty")
    if not text.lstrip().startswith(("{", "[")):
        return {"text": text}
    return json_option(text, "/payload")
