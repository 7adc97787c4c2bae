"""A TCP way that a test can cut: what two processes say to each other goes through it, until it does not.

A cut link is a partition, not an error: connections stay open, new ones are taken, and nothing comes through in either
direction. What was on its way arrives when the link is whole again, late, as with TCP's own retransmissions.
"""

import asyncio
import contextlib

_PIECE = 64 * 1024


class Link:
    """From a port of its own on loopback to another address; whole when it starts."""

    def __init__(self, host: str, port: int) -> None:
        self._far = (host, port)
        self._whole = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        self._whole.set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Nothing comes through any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Everything comes through, also what was held up."""
        self._whole.set()

    async def close(self) -> None:
        """End it, with every connection."""
        if self._server is not None:
            self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = asyncio.current_task()
        assert way is not None
        self._ways.add(way)
        try:
            await self._whole.wait()
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        except asyncio.CancelledError:
            # Streams log the cancellation of a client's task as a fault; this is the link's own end.
            pass
        finally:
            writer.close()
            self._ways.discard(way)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._far)
        try:
            async with asyncio.TaskGroup() as both:
                there = both.create_task(self._pump(reader, far_writer))
                back = both.create_task(self._pump(far_reader, writer))
                # The end of one direction is the end of the connection.
                there.add_done_callback(lambda _: back.cancel())
                back.add_done_callback(lambda _: there.cancel())
        finally:
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._whole.wait()
                writer.write(piece)
                await writer.drain()
