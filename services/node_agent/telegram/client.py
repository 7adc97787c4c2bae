"""Telethon's client without its own ideas: what goes wrong comes out at once, and nothing is done about it here.

Telethon repeats calls, sleeps through waits, moves a login to another data centre, pings, and fetches and saves updates
by itself. All of that is decided elsewhere here, where the operator sees it: a call is one request and its answer, and
`telegram.listening` takes the updates. The transport says why it could not connect, and reads no packet of any length.
"""

import asyncio
import os
from typing import Any

from telethon import TelegramClient, utils
from telethon.network.connection import ConnectionTcpFull
from telethon.network.connection.tcpfull import FullPacketCodec

from services.node_agent.domain.telegram import Unanswered, Unreachable

# Telegram's containers end at 1 MiB; whoever announces more than this is not Telegram.
MOST_PACKET = 16 * 1024 * 1024


class PlainClient(TelegramClient):  # type: ignore[misc]  # Telethon has no types
    """See the module's docstring. Its session must be one that is not asynchronous."""

    async def _call(self, sender: Any, request: Any, ordered: bool = False, flood_sleep_threshold: Any = None) -> Any:
        await request.resolve(self, utils)
        answer: asyncio.Future[Any] = sender.send(request, ordered=ordered)
        try:
            result = await answer
        except (OSError, EOFError) as error:
            # It may have been sent before the connection ended, unlike what `send` itself refuses.
            raise Unanswered("the connection to Telegram ended while it was asked") from error
        self.session.process_entities(result)
        return result

    async def _update_loop(self) -> None:
        """Telethon's own fetching of updates: not here."""

    async def _keepalive_loop(self) -> None:
        """Telethon's own pinging and saving: not here."""

    async def _save_states_and_entities(self) -> None:
        """Telethon's own saving at its end: not here."""


class _Bounded:
    """A stream of which nobody reads more at once than a packet may have."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readexactly(self, size: int) -> bytes:
        if size > MOST_PACKET:
            raise Unreachable("what answers there does not speak as Telegram does")
        return await self._reader.readexactly(size)


class _Codec(FullPacketCodec):  # type: ignore[misc]  # Telethon has no types
    async def read_packet(self, reader: asyncio.StreamReader) -> bytes:
        packet: bytes = await super().read_packet(_Bounded(reader))
        return packet


class Transport(ConnectionTcpFull):  # type: ignore[misc]  # Telethon has no types
    """Telethon's default transport, which tells why there is no connection."""

    packet_codec = _Codec

    async def connect(self, timeout: float | None = None, ssl: Any = None) -> None:
        """Connect. Raises Unreachable."""
        place = f"{self._ip}:{self._port}"
        try:
            await super().connect(timeout=timeout, ssl=ssl)
        except TimeoutError as error:
            raise Unreachable(f"no connection to Telegram at {place} within {timeout:g} s") from error
        except OSError as error:
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise Unreachable(f"no connection to Telegram at {place} ({why})") from error
