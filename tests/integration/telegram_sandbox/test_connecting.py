"""Transports, the key exchange, and the two forms of a ready-made session."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from telethon import functions
from telethon.network import (
    ConnectionTcpAbridged,
    ConnectionTcpFull,
    ConnectionTcpIntermediate,
    ConnectionTcpObfuscated,
)
from telethon.sessions import SQLiteSession

from services.telegram_sandbox.api.bodies import UserRow
from tests.integration.telegram_sandbox.stagehands import Theatre, promptly

TRANSPORTS = {
    "full": ConnectionTcpFull,
    "abridged": ConnectionTcpAbridged,
    "intermediate": ConnectionTcpIntermediate,
    "obfuscated-abridged": ConnectionTcpObfuscated,
}


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_every_transport_is_told_by_its_first_bytes(theatre: Theatre, ann: UserRow, name: str) -> None:
    """A client of any of Telethon's transports could not connect, or would be shown under a wrong name."""
    client = await theatre.signed_in(ann, connection=TRANSPORTS[name])
    assert (await promptly(client.get_me())).username == "ann_the_first"
    shown = await theatre.admin.session(theatre.key_id(client))
    assert [held.transport for held in shown.connections] == [name]


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_key_is_exchanged_from_nothing(theatre: Theatre, name: str) -> None:
    """A client without a key could not make one with the sandbox's own RSA key."""
    client = theatre.unsigned(connection=TRANSPORTS[name])
    await promptly(client.connect())
    assert client.session.auth_key.key
    assert not await promptly(client.is_user_authorized())


async def test_long_answers_pass_every_limit_of_framing(theatre: Theatre, ann: UserRow) -> None:
    """Answers beyond the short length forms, or compressed ones, would not be read."""
    saved = []
    client = await theatre.signed_in(ann, connection=ConnectionTcpAbridged)
    for number in range(20):
        saved.append(f"{number} " + "ab漢" * 300)
        await promptly(client.send_message("me", saved[-1]))
    read = await promptly(client.get_messages("me", limit=20))
    assert [message.message for message in reversed(read)] == saved


async def test_the_session_file_opens_as_telethons_own(theatre: Theatre, ann: UserRow, tmp_path: Path) -> None:
    """The agent's session files would not be files that Telethon accepts."""
    ready = await theatre.admin.add_session(ann.user_id)
    path = tmp_path / "ann.session"
    path.write_bytes(ready.file_bytes())
    with sqlite3.connect(path) as db:
        assert db.execute("pragma quick_check").fetchone() == ("ok",)
    db.close()
    client = theatre.client(SQLiteSession(str(path)))
    await promptly(client.connect())
    assert (await promptly(client.get_me())).id == ann.user_id


async def test_the_configuration_names_no_place_but_this_one(theatre: Theatre, ann: UserRow) -> None:
    """A client could be led to Telegram's real servers."""
    client = await theatre.signed_in(ann)
    config = await promptly(client(functions.help.GetConfigRequest()))
    place = theatre.sandbox.place
    assert {(dc.ip_address, dc.port) for dc in config.dc_options} == {("127.0.0.1", place.port)}
    assert config.test_mode


async def test_bytes_of_no_known_transport_are_cut_off(theatre: Theatre) -> None:
    """A stray HTTP request would hang, or hurt the others."""
    reader, writer = await asyncio.open_connection("127.0.0.1", theatre.sandbox.place.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: sandbox\r\n" + b"x" * 64)
    answer: Any
    try:
        answer = await promptly(reader.read())
    except ConnectionResetError:
        answer = b""
    assert answer == b""
    writer.close()


async def test_two_hundred_sessions_connect_in_a_moment(theatre: Theatre) -> None:
    """Starting a fleet would take long; 2,000 take about 5 s on one core, so 200 have ample time here."""
    rows = [await theatre.admin.add_user(f"Actor {number}") for number in range(200)]
    started = time.monotonic()
    await asyncio.wait_for(asyncio.gather(*(theatre.signed_in(row) for row in rows)), 20)
    assert theatre.sandbox.server.connection_count == 200
    assert time.monotonic() - started < 15
