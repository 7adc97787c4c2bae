"""Telethon's client without its own ideas: what goes wrong comes out at once, and nothing is done about it here.

Telethon repeats calls, sleeps through waits, moves a login to another data centre, pings, and fetches and saves updates
by itself. All of that is decided elsewhere here, where the operator sees it: a call is one request and its answer, and
`telegram.listening` takes the updates. The transport says why it could not connect, reads no packet of any length, and
has no queues and tasks of its own, which for a thousand idle accounts is ten megabytes.
"""

import asyncio
import contextlib
import logging
import os
from collections import deque
from typing import Any

from telethon import TelegramClient, utils
from telethon.network.connection import ConnectionTcpFull
from telethon.network.connection.tcpfull import FullPacketCodec

from services.node_agent.domain.telegram import Unanswered, Unreachable
from services.node_agent.telegram.sessions import LoginSession

# Telegram's containers end at 1 MiB; whoever announces more than this is not Telegram.
MOST_PACKET = 16 * 1024 * 1024
# A peer that does not take what is left is not waited for.
CLOSE_SECONDS = 1.0
# Acks that may have to be said again after a wrong salt: the last packet's.
LAST_ACKS = 2


class Loggers(dict[str, logging.Logger]):
    """Telethon's loggers by the name of its module, below one of ours; one for all clients."""

    def __init__(self, base: logging.Logger) -> None:
        super().__init__()
        self._base = base

    def __missing__(self, key: str) -> logging.Logger:
        return self._base.getChild(key.removeprefix("telethon."))


class PlainClient(TelegramClient):  # type: ignore[misc]  # Telethon has no types
    """See the module's docstring."""

    def __init__(
        self,
        session: LoginSession,
        api_id: int,
        api_hash: str,
        tcp_seconds: float,
        loggers: Loggers,
        more_exchanges: int = 0,
    ) -> None:
        """`more_exchanges`: how often a login without a key makes another, when Telegram does not take the first."""
        super().__init__(
            session,
            api_id,
            api_hash,
            connection=Transport,
            timeout=tcp_seconds,
            connection_retries=more_exchanges,
            retry_delay=0,
            auto_reconnect=False,
            receive_updates=True,
            base_logger=loggers["client"],
        )
        # Telethon makes a class of its own for each client's loggers.
        self._log = self._sender._loggers = loggers
        self._sender._last_acks = deque(maxlen=LAST_ACKS)

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
    """Telethon's default transport, straight on the stream."""

    packet_codec = _Codec

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # What Telethon's own transport passes packets through.
        del self._send_queue, self._recv_queue

    async def connect(self, timeout: float | None = None, ssl: Any = None) -> None:
        """Connect. Raises Unreachable."""
        place = f"{self._ip}:{self._port}"
        try:
            # Telethon's own waiting with a timeout can lose a cancellation (Python 3.11): who must stop would live on.
            async with asyncio.timeout(timeout):
                await self._connect(timeout=None, ssl=ssl)
        except TimeoutError as error:
            raise Unreachable(f"no connection to Telegram at {place} within {timeout:g} s") from error
        except OSError as error:
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise Unreachable(f"no connection to Telegram at {place} ({why})") from error
        self._connected = True

    async def send(self, data: bytes) -> None:
        """Write a packet. Raises OSError."""
        self._require()
        self._send(data)
        await self._writer.drain()

    async def recv(self) -> bytes:
        """Read a packet. Raises OSError, or what the codec says of it."""
        self._require()
        packet: bytes = await self._recv()
        return packet

    async def disconnect(self) -> None:
        """Close; again does nothing."""
        if not self._connected:
            return
        self._connected = False
        self._writer.close()
        with contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._writer.wait_closed()
            except TimeoutError:
                self._writer.transport.abort()

    def _require(self) -> None:
        if not self._connected:
            raise ConnectionError("Not connected")
