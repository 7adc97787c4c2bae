"""Servers that are no good, on real sockets: the account says why it is not online, and no other one notices."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.node_agent.domain.telegram import OnMessage, Telegram, TelegramConnection
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.client import Loggers, Transport
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram
from tests.contract.node_agent.telegram_worlds import ACCOUNT, OTHER, SandboxWorld
from tests.integration.node_agent.live_agent import LiveAgent, answered
from tests.support.agent.orders import script
from tests.support.ports import free_port
from tests.support.waiting import until

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FIRST_PACKET = struct.pack("<ii", 40, 0)


class TwoPlaces:
    """One account lives in another place than the others."""

    def __init__(self, others: Telegram, account_id: str, its_own: Telegram) -> None:
        self._others, self._account_id, self._its_own = others, account_id, its_own

    def data_centre(self, account_id: str) -> int:
        """Where the account's login lives."""
        return self._of(account_id).data_centre(account_id)

    async def connect(self, account_id: str, on_message: OnMessage) -> TelegramConnection:
        """Connect."""
        return await self._of(account_id).connect(account_id, on_message)

    def _of(self, account_id: str) -> Telegram:
        return self._its_own if account_id == self._account_id else self._others


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read, and never answer."""
    while await reader.read(1000):
        pass


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close at once."""


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break off when something was asked."""
    await reader.read(8)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(answer: bytes) -> Client:
    """Say this whatever is asked, and then nothing more."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        await mute(reader, writer)

    return client


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce a packet and give it byte by byte, for ever."""
    writer.write(struct.pack("<ii", 1_000_000, 0))
    while not writer.is_closing():
        writer.write(b"\0")
        await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(client: Client) -> AsyncIterator[int]:
    """A server that treats every client like this; its port."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await client(reader, writer)
        except OSError:
            pass  # the client has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def nobody_home() -> AsyncIterator[int]:
    """A port on which nobody listens."""
    yield free_port()


@asynccontextmanager
async def nobody_accepts() -> AsyncIterator[int]:
    """A server whose queue is full: packets for it are dropped, and connecting hangs."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    try:
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
    finally:
        for each in [*waiting, listener]:
            each.close()


BAD_SERVERS = {
    "refuses": (nobody_home, "(connection refused)"),
    "never accepts": (nobody_accepts, "within 1 s"),
    "is mute": (lambda: serving(mute), "Telegram did not answer in time"),
    "closes at once": (lambda: serving(hang_up), "Telegram closed the connection"),
    "breaks off": (lambda: serving(reset), "Telegram closed the connection"),
    "is a web server": (
        lambda: serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        "does not speak as Telegram does",
    ),
    "says nothing but zeros": (lambda: serving(says(bytes(64))), "does not speak as Telegram does"),
    "sends wrong checksums": (lambda: serving(says(FIRST_PACKET + b"x" * 32)), "does not speak as Telegram does"),
    "dribbles": (lambda: serving(dribble), "Telegram did not answer in time"),
}


@pytest.mark.parametrize("how", BAD_SERVERS)
async def test_an_account_on_a_bad_server_says_why_and_its_neighbour_goes_on(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account's server would hang the agent, fill its memory, or leave the account without a word."""
    monkeypatch.setattr("services.node_agent.telegram.telethon_client.TCP_SECONDS", 1.0)
    monkeypatch.setattr("services.node_agent.telegram.telethon_client.CONNECT_SECONDS", 1.5)
    bad_server, why = BAD_SERVERS[how]
    world = await SandboxWorld.open(tmp_path)
    try:
        async with bad_server() as port:
            folder = SessionFolder(world.folder)
            good = TelethonTelegram(1, "sandbox", folder, Place(2, "127.0.0.1", world.sandbox.place.port))
            bad = TelethonTelegram(1, "sandbox", folder, Place(4, "127.0.0.1", port))
            agent = LiveAgent(tmp_path, TwoPlaces(good, ACCOUNT, bad), folder)
            async with agent.running():
                await agent.until_status("online", [OTHER])
                await agent.play(script("hi").replace("@demo_chat", "@the_hall"))
                await until(lambda: why in (agent.row(ACCOUNT).status_reason or ""), f"the reason: {why}")
                row = agent.row(ACCOUNT)
                assert row.status == "connecting" and "Callboard connects again by itself" in (row.status_reason or "")
                await world.guest_says("/hello")
                await until(lambda: _answered(world), "the neighbour's answer", 2.0)
                tries = agent.telegram.connects[ACCOUNT]
                await until(lambda: agent.telegram.connects[ACCOUNT] > tries + 1, "it is tried again", 15.0)
            assert agent.telegram.connects[OTHER] == 1
            assert len(agent.registry.changes) < 12, "the same reason again and again is no news"
            await agent.close()
    finally:
        await world.close()


async def test_a_cancellation_while_connecting_is_never_lost() -> None:
    """An account that has to stop, because the lease ends or the agent does, would connect and live on."""
    async with serving(mute) as port:
        for turns in [*range(1, 12)] * 20:
            transport = Transport("127.0.0.1", port, 2, loggers=Loggers(logging.getLogger(__name__)))
            connecting = asyncio.create_task(transport.connect(timeout=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting])
                assert connecting.cancelled()
            await transport.disconnect()


async def _answered(world: SandboxWorld) -> bool:
    return answered(await world.admin.messages(world.chat_id), world.user_ids[OTHER], "hi") == 1
