"""The exchange folder over SFTP: reports out of `outbox`, orders into `inbox`, as `shared.contracts.parcels` has them.

A report stays where it is until it is safe with the broker. An order is written beside, synced and renamed, so the
agent never reads half of one.
"""

import posixpath
from contextlib import suppress

import asyncssh

from services.deployer.domain.reaching import ExchangeFile
from services.deployer.ssh.files import write_part
from shared.contracts.parcels import INBOX, LARGEST_PARCEL, OUTBOX, is_file_name


class SftpExchange:
    """The folder `path` of a server."""

    def __init__(self, sftp: asyncssh.SFTPClient, path: str) -> None:
        self._sftp = sftp
        self._inbox, self._outbox = posixpath.join(path, INBOX), posixpath.join(path, OUTBOX)

    async def prepare(self) -> None:
        """Make what is not there; the agent does it too."""
        for folder in (self._inbox, self._outbox):
            await self._sftp.makedirs(folder, attrs=asyncssh.SFTPAttrs(permissions=0o700), exist_ok=True)

    async def reports(self, most: int) -> list[ExchangeFile]:
        """Whole files of the outbox, the oldest first."""
        listed = [(entry, _text(entry.filename)) for entry in await self._sftp.readdir(self._outbox)]
        whole = sorted((entry.attrs.mtime or 0, name) for entry, name in listed if is_file_name(name))
        read = [await self._read(name) for _, name in whole[:most]]
        return [file for file in read if file is not None]

    async def taken(self, name: str) -> None:
        """Delete a report that is safe."""
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._sftp.remove(self._outbox_file(name))

    async def refuse(self, name: str) -> None:
        """Set a report aside."""
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._sftp.posix_rename(self._outbox_file(name), self._outbox_file(name) + ".refused")

    async def waiting(self) -> int:
        """Orders in the inbox."""
        return sum(is_file_name(_text(name)) for name in await self._sftp.listdir(self._inbox))

    async def order(self, name: str, content: bytes) -> None:
        """Put an order into the inbox."""
        if not is_file_name(name):
            raise ValueError(f"not the name of a parcel: {name!r}")
        part = posixpath.join(self._inbox, f".{name}.part")
        # What a broken link left of the same order; its name is the order's own, so nobody else writes it.
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._sftp.remove(part)
        await write_part(self._sftp, part, content, 0o600)
        await self._sftp.posix_rename(part, posixpath.join(self._inbox, name))

    def _outbox_file(self, name: str) -> str:
        if not is_file_name(name):
            raise ValueError(f"not the name of a parcel: {name!r}")
        return posixpath.join(self._outbox, name)

    async def _read(self, name: str) -> ExchangeFile | None:
        """A file; None for one that is gone: a newer heartbeat has replaced it."""
        try:
            async with self._sftp.open(self._outbox_file(name), "rb") as file:
                content = _bytes(await file.read(LARGEST_PARCEL + 1))
        except asyncssh.SFTPNoSuchFile:
            return None
        return ExchangeFile(name, content if len(content) <= LARGEST_PARCEL else None)


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode(errors="replace")


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
