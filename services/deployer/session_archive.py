"""Backups as age files: `age -d backup.age | tar tz` shows one without Callboard. Implements `domain.backups.Archives`.

For a public key everything streams, whatever the vault's size: contents are asked for one by one, and the age file
leaves as it is made. age's passphrase form is not made piece by piece here, so such an archive is bounded and for a
small vault. Reading checks age's own authentication, gzip's and tar's form, and each content's hash; it goes twice over
the file, so that nothing is written before all of it was seen. Secrets stay out of every error.
"""

import asyncio
import io
import os
import tarfile
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO

import pyrage
from pydantic import ValidationError

from services.deployer.domain.backups import (
    BadArchive,
    Content,
    Contents,
    Finish,
    Lock,
    Manifest,
    Take,
    Unlock,
    checked,
)
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import LARGEST_SESSION

# What a passphrase's archive may have, packed; some twenty thousand logins.
MOST_WITH_PASSPHRASE = 64 * 1024 * 1024
_LARGEST_MANIFEST = 128 * 1024 * 1024
_MANIFEST = "manifest.json"
_BROKEN = "the archive was cut or altered on the way: take another copy of it"


class AgeArchives:
    """See the module's docstring."""

    def problem_of(self, lock: Lock) -> str | None:
        """Why nothing can be locked for this."""
        for place, recipient in enumerate(lock.recipients, 1):
            try:
                pyrage.x25519.Recipient.from_str(recipient)
            except pyrage.RecipientError:
                return f"recipient {place} is no age public key, which begins with age1: `age-keygen` makes one"
        return None

    async def written(self, contents: Contents, manifest: Finish, lock: Lock) -> AsyncIterator[bytes]:
        """The archive, piece by piece."""
        pieces = _packed(contents, manifest)
        if lock.passphrase is not None:
            collected = bytearray()
            async for piece in pieces:
                collected += piece
                if len(collected) > MOST_WITH_PASSPHRASE:
                    raise BadArchive("the backup is too large for a passphrase: lock it for a public key instead")
            yield await asyncio.to_thread(pyrage.passphrase.encrypt, bytes(collected), lock.passphrase)
            return
        async for piece in _sealed(pieces, [pyrage.x25519.Recipient.from_str(one) for one in lock.recipients]):
            yield piece

    async def opened(self, file: BinaryIO, unlock: Unlock) -> "AgeArchive":
        """An archive to be read. A passphrase takes seconds on purpose, so it is tried once."""
        if unlock.passphrase is not None:
            return AgeArchive(io.BytesIO(await asyncio.to_thread(_opened_with, unlock.passphrase, file)), None)
        try:
            return AgeArchive(file, pyrage.x25519.Identity.from_str((unlock.identity or "").strip()))
        except pyrage.IdentityError:
            told = "the key is no age identity, which begins with AGE-SECRET-KEY-1: give the right one"
            raise BadArchive(told) from None


class AgeArchive:
    """An archive; with `identity` None it is open already."""

    def __init__(self, file: BinaryIO, identity: Any) -> None:
        self._file = file
        self._identity = identity

    async def read(self, take: Take) -> Manifest:
        """Hand over every content, then give the manifest."""
        loop = asyncio.get_running_loop()

        def taken(content: Content) -> None:
            asyncio.run_coroutine_threadsafe(take(content), loop).result()  # type: ignore[arg-type]

        return await asyncio.to_thread(self._read, taken)

    def _read(self, take: Callable[[Content], None]) -> Manifest:
        self._file.seek(0)
        if self._identity is None:
            return _of_tar(self._file, take)
        source, sink = os.pipe()
        failures: list[Exception] = []

        def decrypt() -> None:
            try:
                with os.fdopen(sink, "wb") as out:
                    pyrage.decrypt_io(self._file, out, [self._identity])
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=decrypt, name="open a backup", daemon=True)
        thread.start()
        bad: BadArchive | None = None
        with os.fdopen(source, "rb") as plain:
            try:
                manifest = _of_tar(plain, take)
            except BadArchive as error:
                bad = error
            finally:
                # The other side would wait for ever at a full pipe.
                while plain.read(1 << 20):
                    pass
                thread.join()
        if failures:
            raise _why(failures[0])
        if bad is not None:
            raise bad
        return manifest


async def _packed(contents: Contents, manifest: Finish) -> AsyncIterator[bytes]:
    """A gzipped tar of the contents, with the manifest at its end."""
    packer = zlib.compressobj(6, wbits=zlib.MAX_WBITS | 16)
    async for content in contents:
        yield packer.compress(_entry(f"sessions/{content.account_id}/{content.version}.session", content.content))
    yield packer.compress(_entry(_MANIFEST, manifest().model_dump_json(indent=1).encode()))
    yield packer.compress(bytes(2 * tarfile.BLOCKSIZE)) + packer.flush()


def _entry(name: str, content: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    padding = -len(content) % tarfile.BLOCKSIZE
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(padding)


async def _sealed(pieces: AsyncIterator[bytes], recipients: list[Any]) -> AsyncIterator[bytes]:
    """age's own streaming, which reads and writes in a thread; each side waits for the other."""
    loop = asyncio.get_running_loop()
    out: asyncio.Queue[bytes | None] = asyncio.Queue(4)
    reader, writer = _Reader(pieces, loop), _Writer(out, loop)

    async def encrypt() -> None:
        try:
            await asyncio.to_thread(pyrage.encrypt_io, reader, writer, recipients)
        finally:
            await out.put(None)

    task = asyncio.create_task(encrypt(), name="seal a backup")
    try:
        while (piece := await out.get()) is not None:
            yield piece
        await task
    except Exception as error:
        # age shows what went wrong in our own reader as an error of its own.
        raise reader.failure or error from None
    finally:
        reader.ended = writer.ended = True
        task.cancel()


class _Reader:
    """What age reads from: the next piece is asked of the event loop."""

    def __init__(self, pieces: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._pieces = pieces
        self._loop = loop
        self._left = b""
        self.ended = False
        self.failure: Exception | None = None

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._left and not self.ended:
            try:
                self._left = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            except StopAsyncIteration:
                self.ended = True
            except Exception as error:
                self.failure = error
                raise OSError("the backup's contents ended early") from error
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    async def _next(self) -> bytes:
        return await anext(self._pieces)


class _Writer:
    """What age writes to: a queue that holds it up while nobody reads."""

    def __init__(self, out: "asyncio.Queue[bytes | None]", loop: asyncio.AbstractEventLoop) -> None:
        self._out = out
        self._loop = loop
        self.ended = False

    def write(self, piece: bytes) -> int:
        """Hand a piece on."""
        waiting = asyncio.run_coroutine_threadsafe(self._out.put(bytes(piece)), self._loop)
        while not self.ended:
            try:
                waiting.result(timeout=1.0)
                return len(piece)
            except TimeoutError:
                continue
        raise OSError("nobody reads the backup any more")

    def flush(self) -> None:
        """Everything is handed on at once."""


def _opened_with(passphrase: str, file: BinaryIO) -> bytes:
    file.seek(0)
    sealed = file.read(MOST_WITH_PASSPHRASE + 1024 * 1024)
    try:
        return bytes(pyrage.passphrase.decrypt(sealed, passphrase))
    except (pyrage.DecryptError, OSError) as error:
        raise _why(error) from None


def _why(error: Exception) -> BadArchive:
    told = str(error)
    if "No matching keys" in told or told == "Decryption failed":
        return BadArchive("this key or passphrase does not open the archive: it was locked for another one")
    if "Header" in told or "fill whole buffer" in told:
        return BadArchive("it is no age file: give the archive as `callboard sessions backup` made it")
    return BadArchive(_BROKEN)


def _of_tar(plain: BinaryIO, take: Callable[[Content], None]) -> Manifest:
    seen: list[tuple[str, int, str, int]] = []
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=plain, mode="r|gz") as archive:
            for info in archive:
                if manifest is not None:
                    raise BadArchive("there is something behind the archive's manifest: it was altered")
                largest = _LARGEST_MANIFEST if info.name == _MANIFEST else LARGEST_SESSION
                file = archive.extractfile(info) if info.isreg() and info.size <= largest else None
                if file is None:
                    raise BadArchive("the archive holds something that no backup has: it was made by something else")
                content = file.read()
                if info.name == _MANIFEST:
                    manifest = Manifest.model_validate_json(content)
                    continue
                account_id, version = _named(info.name)
                seen.append((account_id, version, content_hash(content), len(content)))
                take(Content(account_id, version, content))
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise BadArchive(_BROKEN) from None
    except ValidationError:
        raise BadArchive(
            "the archive's manifest is not one that is known here: upgrade Callboard, or take another copy"
        ) from None
    if manifest is None:
        raise BadArchive(_BROKEN)
    return checked(manifest, seen)


def _named(name: str) -> tuple[str, int]:
    parts = name.split("/")
    number = parts[-1].removesuffix(".session")
    if len(parts) != 3 or parts[0] != "sessions" or not number.isascii() or not number.isdigit() or len(number) > 10:
        raise BadArchive("the archive holds something that no backup has: it was made by something else")
    return parts[1], int(number)
