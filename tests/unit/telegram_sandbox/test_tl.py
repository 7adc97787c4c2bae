"""Telethon's TL layer from the server's side."""

import inspect
import sys
from typing import Any

import pytest

from services.telegram_sandbox.mtproto.tl import (
    MalformedObject,
    encode,
    functions,
    make,
    method_name,
    parse,
    types,
)


def every_type() -> list[Any]:
    """All constructors of the installed layer."""
    modules = [types, types.messages, types.updates, types.users, types.channels, types.auth, types.help]
    found = [cls for module in modules for _, cls in inspect.getmembers(sys.modules[module.__name__], inspect.isclass)]
    # Telethon itself cannot write four of them: their classes give every field a default of the wrong type.
    broken = {"Message", "MessageService", "SponsoredMessage", "SponsoredPeer"}
    return [cls for cls in found if getattr(cls, "CONSTRUCTOR_ID", None) and cls.__name__ not in broken]


def test_any_object_can_be_made_from_nothing() -> None:
    """A new layer with a new required field would break every answer that has it."""
    made = [cls for cls in every_type() if encode(make(cls))]
    assert len(made) > 1000


def test_bools_and_lists_are_written_as_telethon_reads_them() -> None:
    """Methods that answer with a Bool or a Vector would not be understood."""
    assert parse(encode(True)) is True
    assert parse(encode(False)) is False
    people = [make(types.User, id=1), make(types.User, id=2)]
    assert [person.id for person in parse(encode(people))] == [1, 2]


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xff\xff\xff\xff", encode(make(types.User, id=1))[:9]])
def test_what_does_not_parse_is_named_so(data: bytes) -> None:
    """A malformed packet would end in an unforeseen error."""
    with pytest.raises(MalformedObject):
        parse(data)


def test_methods_have_telegrams_names() -> None:
    """Faults could not be given by the names that Telegram documents."""
    assert method_name(functions.messages.GetHistoryRequest(None, 0, None, 0, 0, 0, 0, 0)) == "messages.getHistory"
    assert method_name(functions.PingRequest(1)) == "ping"
