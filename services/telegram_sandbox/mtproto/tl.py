"""Telethon's TL layer, seen from the server's side.

The only module that knows how Telethon parses and serialises; everything else imports `types`,
`functions`, `make`, `parse` and `encode` from here. Telethon ships the client's half: results are
parsed but never serialised, so `Bool`, `Vector` and raw bytes are written by hand here.
`make` fills required fields that the sandbox does not care about, so that a new layer needs no edit.
"""

import inspect
import struct
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, get_args, get_origin
from zlib import crc32

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, TLRequest, functions, types
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.core import GzipPacked, MessageContainer

__all__ = [
    "GzipPacked",
    "MalformedObject",
    "MessageContainer",
    "Serialised",
    "TLObject",
    "TLRequest",
    "encode",
    "functions",
    "make",
    "method_name",
    "parse",
    "types",
]

_BOOL = {True: 0x997275B5, False: 0xBC799737}
_VECTOR = 0x1CB5C415


class MalformedObject(ValueError):
    """The bytes are no TL object of this layer."""


class Serialised(TLObject):  # type: ignore[misc]
    """TL bytes that were serialised before: a fan-out update is written once for all its readers."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def _bytes(self) -> bytes:
        return self.raw


def parse(data: bytes) -> Any:
    """The first TL object in `data`. Raises `MalformedObject`."""
    try:
        return BinaryReader(data).tgread_object()
    except TypeNotFoundError as error:
        raise MalformedObject(f"unknown constructor {error.invalid_constructor_id:#x}") from error
    except (struct.error, BufferError, RuntimeError, ValueError, TypeError, AttributeError, OSError) as error:
        raise MalformedObject(str(error)) from error


def encode(value: Any) -> bytes:
    """TL bytes of an object, a bool or a list of objects."""
    if isinstance(value, bool):
        return struct.pack("<I", _BOOL[value])
    if isinstance(value, list):
        return struct.pack("<Ii", _VECTOR, len(value)) + b"".join(encode(item) for item in value)
    return bytes(value)


def make(cls: Any, **fields: Any) -> Any:
    """An object of `cls` whose missing required fields are empty: 0, "", b"", [], None or an empty object."""
    blanks = {name: _blank(kind) for name, kind in _required(cls) if name not in fields}
    return cls(**blanks, **fields)


@lru_cache(maxsize=4096)
def _required(cls: Any) -> tuple[tuple[str, Any], ...]:
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    named = (p for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple((p.name, p.annotation) for p in named if p.default is inspect.Parameter.empty)


def _blank(kind: Any) -> Any:
    plain = {int: 0, str: "", bytes: b"", bool: False, float: 0.0}
    if kind in plain:
        return plain[kind]
    if isinstance(kind, str):
        constructors = _constructors_of(kind)
        return _emptiest(constructors) if constructors else None
    if get_origin(kind) is list:
        return []
    choices = get_args(kind)
    return None if not choices or type(None) in choices else _emptiest(choices)


def _emptiest(constructors: Sequence[Any]) -> Any:
    """An object of the constructor that is named …Empty, else of the one that requires least."""
    chosen = min(constructors, key=lambda c: (not c.__name__.endswith("Empty"), len(_required(c))))
    return make(chosen)


@lru_cache(maxsize=1)
def _constructors() -> dict[int, list[Any]]:
    """All constructors by the CRC-32 of their abstract type's name, which Telethon keeps in the class."""
    by_type: dict[int, list[Any]] = {}
    for constructor in tlobjects.values():
        by_type.setdefault(constructor.SUBCLASS_OF_ID, []).append(constructor)
    return by_type


@lru_cache(maxsize=1024)
def _constructors_of(annotation: str) -> Sequence[Any]:
    """The constructors of `TypeState`: annotations leave out the area, so `State` is tried in each."""
    name = annotation.removeprefix("Type")
    areas = ["", *(f"{area}." for area, value in vars(types).items() if isinstance(value, ModuleType))]
    held = _constructors()
    return next((held[crc] for area in areas if (crc := crc32(f"{area}{name}".encode())) in held), ())


def method_name(request: Any) -> str:
    """`messages.sendMessage` for `functions.messages.SendMessageRequest`."""
    cls = type(request)
    return _method_name(cls.__module__.removeprefix(functions.__name__).lstrip("."), cls.__name__)


@lru_cache(maxsize=2048)
def _method_name(area: str, name: str) -> str:
    short = name.removesuffix("Request")
    short = short[0].lower() + short[1:]
    return f"{area}.{short}" if area else short
