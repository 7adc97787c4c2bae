"""Files over SFTP: in their place whole, or not at all.

A file is written under a name of its own beside its place, synced, read back and hashed, and only then renamed over
what is there (OpenSSH's posix-rename, one step for whoever reads). What a broken connection leaves is such a hidden
part; the next file that comes to the folder sweeps parts that are older than an hour.
"""

import hashlib
import posixpath
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import asyncssh

from services.deployer.domain.reaching import Placed, Upload
from services.deployer.domain.server_problems import Trouble
from services.deployer.domain.servers import is_plain_name
from services.deployer.ssh.troubles import Failed, quoted

PART_PREFIX, PART_SUFFIX = ".callboard-", ".part"
OLD_SECONDS = 3600
# OpenSSH takes 256 KiB a request at most; asyncssh keeps several on their way.
CHUNK = 128 * 1024


@asynccontextmanager
async def sftp_of(connection: asyncssh.SSHClientConnection) -> AsyncIterator[asyncssh.SFTPClient]:
    """An SFTP session for the length of the context. Raises Failed where there is none."""
    try:
        session = await connection.start_sftp_client()
    except (asyncssh.ChannelOpenError, asyncssh.SFTPBadMessage) as error:
        detail = f"the server offers no SFTP: see Subsystem sftp in its sshd_config ({quoted(str(error))})"
        raise Failed(Trouble.NO_SFTP, detail) from error
    try:
        yield session
    finally:
        session.exit()


async def put(sftp: asyncssh.SFTPClient, directory: str, upload: Upload) -> Placed:
    """Put a file below `directory`. Raises Failed, or what asyncssh raises; then the old file is untouched."""
    if not upload.names or not all(map(is_plain_name, upload.names)):
        raise ValueError(f"not plain names: {upload.names!r}")
    path = posixpath.join(directory, *upload.names)
    folder = posixpath.dirname(path)
    part = posixpath.join(folder, f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        await sftp.makedirs(folder, attrs=asyncssh.SFTPAttrs(permissions=0o700), exist_ok=True)
        await write_part(sftp, part, upload.content, upload.mode)
        found = await _hash_of(sftp, part)
        wanted = _named(hashlib.sha256(upload.content))
        if found != wanted:
            raise Failed(Trouble.DAMAGED, f"{path} was read back as {found}, not {wanted}: nothing was replaced")
        await sftp.posix_rename(part, path)
    except asyncssh.SFTPOpUnsupported as error:
        await _drop(sftp, part)
        detail = f"the server cannot replace a file in one step, which needs OpenSSH's sftp-server: {error.reason}"
        raise Failed(Trouble.NO_SFTP, detail) from error
    except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded, asyncssh.SFTPFailure) as error:
        await _drop(sftp, part)
        raise await _why(sftp, folder, upload, error) from error
    except BaseException:
        await _drop(sftp, part)
        raise
    await _sweep(sftp, folder, path)
    return Placed(path, wanted, len(upload.content))


async def write_part(sftp: asyncssh.SFTPClient, part: str, content: bytes, mode: int) -> None:
    """Write a file under a name that nobody reads, durably."""
    # Private from its first byte on, whatever it becomes.
    async with sftp.open(part, "xb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
        for start in range(0, len(content), CHUNK):
            await file.write(content[start : start + CHUNK])
        # A server without the extension has no way to say that the disk has it.
        with suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()
        await file.chmod(mode)


async def _hash_of(sftp: asyncssh.SFTPClient, path: str) -> str:
    digest = hashlib.sha256()
    async with sftp.open(path, "rb") as file:
        while chunk := cast(bytes, await file.read(CHUNK)):
            digest.update(chunk)
    return _named(digest)


def _named(digest: "hashlib._Hash") -> str:
    return f"sha256:{digest.hexdigest()}"


async def _drop(sftp: asyncssh.SFTPClient, path: str) -> None:
    # With the connection gone nobody can; the sweep does it later.
    with suppress(asyncssh.SFTPError, asyncssh.Error, OSError):
        await sftp.remove(path)


async def _why(sftp: asyncssh.SFTPClient, folder: str, upload: Upload, error: asyncssh.SFTPError) -> Failed:
    """SFTP of version 3 says only "failure": ask the disk."""
    space = None
    with suppress(asyncssh.SFTPError):
        space = await sftp.statvfs(folder)
    free = space.bavail * space.frsize if space else None
    known = isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded)
    # The filesystem needs some blocks for itself, so a file may not fit in as much as is free.
    if known or (free is not None and free < len(upload.content) + 64 * 1024):
        left = "" if free is None else f" ({free} bytes are free, {len(upload.content)} are needed)"
        return Failed(Trouble.DISK_FULL, f"the disk of {folder} is full{left}: nothing was replaced. Make room there")
    detail = f"{folder} cannot be written: {quoted(error.reason)}. See who owns it, and quotas and limits of the user"
    return Failed(Trouble.NOT_WRITABLE, detail)


async def _sweep(sftp: asyncssh.SFTPClient, folder: str, path: str) -> None:
    """Remove parts that nobody will finish; the file that has just come tells the server's time."""
    with suppress(asyncssh.SFTPError):
        now = (await sftp.stat(path)).mtime or 0
        for name in await sftp.listdir(folder):
            text = name if isinstance(name, str) else name.decode(errors="replace")
            if text.startswith(PART_PREFIX) and text.endswith(PART_SUFFIX):
                part = posixpath.join(folder, text)
                if now - ((await sftp.stat(part)).mtime or now) > OLD_SECONDS:
                    await sftp.remove(part)
