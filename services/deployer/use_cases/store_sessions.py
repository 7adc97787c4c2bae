"""Take in what an operator uploads, choose which version is current, remove a session. Called by the API.

Every login of an upload has a result of its own: one bad file among fifty neither stops nor hides the others. Reading
files is computing that hostile ones make long, so it happens in a thread, a few at a time. Raises Unavailable.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from services.deployer.domain.keeping import NotOpened
from services.deployer.domain.ports import Store
from services.deployer.domain.sessions import SessionVersion, changed, chosen
from services.deployer.domain.telegram_logins import ReadSession, RefusedSession, SessionReader
from services.deployer.use_cases.keep_version import Brought, KeepVersion, Kept, KeyTaken, newest_epoch
from shared.clock import Clock
from shared.contracts.identifiers import ACCOUNT_ID_PATTERN
from shared.contracts.sessions import SessionOrigin

# Each may hold an upload of the largest size in memory, and its archive unpacked.
READINGS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Upload:
    """What came: `name` is the file's, `account_id` None derives one from each file's name."""

    name: str
    content: bytes = field(repr=False)
    account_id: str | None = None
    passcode: str | None = field(default=None, repr=False)
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one login of an upload."""

    name: str
    account_id: str | None
    outcome: Kept | KeyTaken | RefusedSession


@dataclass(frozen=True, slots=True)
class NoSuchSession:
    """The vault has none of this account."""


@dataclass(frozen=True, slots=True)
class NoSuchVersion:
    """The session has no version of this number."""


@dataclass(frozen=True, slots=True)
class StillHeld:
    """A node runs the account: its login is not forgotten before it has been given back."""

    node_id: str


class StoreSessions:
    """See the module's docstring."""

    def __init__(self, store: Store, reader: SessionReader, keep: KeepVersion, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._keep = keep
        self._clock = clock
        self._readings = asyncio.Semaphore(READINGS_AT_ONCE)

    async def upload(self, upload: Upload) -> Sequence[Taken]:
        """Store every login in it; at least one result."""
        async with self._readings:
            found = await asyncio.to_thread(self._reader.read, upload.name, upload.content, upload.passcode)
        # A name that an operator gave is for one login; in an archive of several each file has its own.
        given = upload.account_id if len(found) == 1 else None
        return [await self._take(upload, each, given or account_id_of(each.name)) for each in found]

    async def choose(self, account_id: str, version: int) -> SessionVersion | NoSuchSession | NoSuchVersion:
        """Make a version current. A node that runs the account starts again with it."""
        async with self._store.begin() as transaction:
            session = await transaction.sessions.lock(account_id)
            if session is None:
                return NoSuchSession()
            found = await transaction.sessions.version(account_id, version)
            if found is None:
                return NoSuchVersion()
            now, epoch = self._clock.now(), await newest_epoch(transaction, account_id)
            await transaction.sessions.save(chosen(session, found, epoch, now))
            if found.version != session.current_version:
                await transaction.announce([changed(found, "chosen", now)])
        return found

    async def remove(self, account_id: str) -> SessionVersion | NoSuchSession | StillHeld:
        """Forget a session with all its versions; the one that was current."""
        async with self._store.begin() as transaction:
            session = await transaction.sessions.lock(account_id)
            if session is None:
                return NoSuchSession()
            holder = await transaction.sessions.newest_holder(account_id)
            if holder is not None and holder.held:
                return StillHeld(holder.node_id)
            current = await transaction.sessions.version(account_id, session.current_version)
            assert current is not None
            await transaction.sessions.remove(account_id)
            await transaction.announce([changed(current, "removed", self._clock.now())])
        return current

    async def _take(self, upload: Upload, read: ReadSession, account_id: str | None) -> Taken:
        prepared = read.outcome
        if isinstance(prepared, RefusedSession):
            return Taken(read.name, account_id, prepared)
        if account_id is None:
            reason = (
                "its name is no account id (letters, digits and _ . @ + - only, at most 64): rename it, or name one"
            )
            return Taken(read.name, None, RefusedSession(reason))
        brought = Brought(
            account_id,
            prepared.login,
            prepared.content,
            SessionOrigin.UPLOAD,
            form=prepared.form.value,
            by=upload.by,
        )
        try:
            async with self._store.begin() as transaction:
                return Taken(read.name, account_id, await self._keep(transaction, brought))
        except NotOpened as error:
            return Taken(read.name, account_id, RefusedSession(str(error)))


def account_id_of(name: str) -> str | None:
    """The account id in a file's name, `ana` of `mine/ana.session`; None if it has none."""
    stem = PurePosixPath(name.replace("\\", "/")).name
    for suffix in (".session", ".txt", ".zip", ".session_string"):
        stem = stem.removesuffix(suffix)
    return stem if re.fullmatch(ACCOUNT_ID_PATTERN, stem) else None
