"""What the tests over SSH need besides an sshd: servers to speak of, and roads that break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from services.deployer.domain.logins import KeyLogin, Login
from services.deployer.domain.reaching import Access
from services.deployer.domain.servers import HostKey, ServerState
from tests.support.sshd import Sshd
from tests.unit.deployer.making import server


def access_to(sshd: Sshd, directory: Path, login: Login | None = None, **changes: Any) -> Access:
    """A way into the sshd, its host key confirmed."""
    public = asyncssh.read_public_key(sshd.home / "host_key.pub")
    key = HostKey(" ".join(public.export_public_key().decode().split()[:2]), public.get_fingerprint())
    there = server("tokyo-1", port=sshd.port, user=sshd.user, host_key=key, directory=str(directory))
    there = replace(there, state=ServerState.CONFIRMED, login="key", **changes)
    return Access(there, login or KeyLogin(sshd.private_key))


class Road:
    """A TCP proxy to the sshd that a test cuts after so many bytes, or lets fall mute."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = 0
        self.cut_after: int | None = None
        self.mute_after: int | None = None
        self.passed = 0
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Road"]:
        """Open for the length of the context."""
        server = await asyncio.start_server(self._travel, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await server.wait_closed()

    async def _travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, there_writer]
        back = asyncio.create_task(self._carry(there_reader, writer, counted=False))
        try:
            await self._carry(reader, there_writer, counted=True)
        finally:
            back.cancel()
            with suppress(asyncio.CancelledError):
                await back
            for one in (writer, there_writer):
                one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        with suppress(OSError):
            while some := await reader.read(8192):
                if counted:
                    self.passed += len(some)
                    if self.cut_after is not None and self.passed > self.cut_after:
                        return
                if self.mute_after is not None and self.passed > self.mute_after:
                    continue
                writer.write(some)
                await writer.drain()


@asynccontextmanager
async def mute_server() -> AsyncIterator[int]:
    """Something that takes connections and says nothing; its port."""
    writers: list[asyncio.StreamWriter] = []

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
