"""A PostgreSQL that speaks TLS: the tests' server behind a door that answers PostgreSQL's request for encryption.

It does what PgBouncer does in front of a server: takes the eight bytes of SSLRequest, answers `S`, upgrades, and passes
everything else on. The server of the tests may have been built without TLS. `plain` counts who came without asking.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


@dataclass
class TlsDoor:
    """Where it is, and how often somebody came without asking for TLS, and was sent away."""

    port: int = 0
    plain: int = 0

    def url(self, behind: str, query: str, host: str = "127.0.0.1") -> str:
        """The URL of the server behind, through this door."""
        parts = urlsplit(behind)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@{host}:{self.port}", query=query).geturl()


@asynccontextmanager
async def tls_door(behind: str, context: ssl.SSLContext) -> AsyncIterator[TlsDoor]:
    """Open for the length of the context."""
    door, parts, connections = TlsDoor(), urlsplit(behind), set[asyncio.Task[None]]()

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        ends = [writer]
        try:
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                server_reader, server_writer = await asyncio.open_connection(parts.hostname, parts.port)
                ends.append(server_writer)
                await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))
            else:
                door.plain += 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # who does not trust the certificate hangs up
        finally:
            for end in ends:
                end.transport.abort()
            connections.discard(task)

    server = await asyncio.start_server(enter, "127.0.0.1", 0)
    door.port = server.sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
