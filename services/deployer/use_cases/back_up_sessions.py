"""Back sessions up into one locked archive, and bring them back from one. Called by the API.

A backup reads the vault account by account while it goes on working; what it names is what it has. A restore first goes
over the whole archive and the vault: only if every content is a login, fits the manifest and belongs to no other
account is anything written, all of it in one transaction. What is there already is left as it is, so a restore that is
repeated adds nothing. Raises Unavailable, BadArchive and NotOpened.
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import BinaryIO

from services.deployer.domain.backups import (
    Archive,
    Archives,
    BackedUpVersion,
    BadArchive,
    Content,
    Lock,
    Manifest,
    Unlock,
)
from services.deployer.domain.keeping import SessionSafe
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.sessions import Session, SessionVersion, changed, chosen
from services.deployer.domain.telegram_logins import RefusedSession, SessionReader
from services.deployer.use_cases.keep_version import Brought, KeepVersion, Kept, KeyTaken
from shared.clock import Clock
from shared.contracts.sessions import LARGEST_SESSION, SessionOrigin
from shared.packing import unpacked

# Accounts that are read at once, each with its versions' rows; contents come one by one.
_PAGE = 100
_MOST_VERSIONS = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is backed up: these accounts or all, and of each all versions or the current one."""

    account_ids: tuple[str, ...] | None
    current_only: bool
    lock: Lock


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did with one account: `current` is the version that a node gets now."""

    account_id: str
    added: int
    there: int
    current: int


@dataclass
class _Checking:
    """What the first pass over an archive has found."""

    fingerprints: dict[bytes, str] = field(default_factory=dict)
    count: int = 0


class BackUpSessions:
    """See the module's docstring."""

    def __init__(self, store: Store, safe: SessionSafe, archives: Archives, clock: Clock) -> None:
        self._store = store
        self._safe = safe
        self._archives = archives
        self._clock = clock

    def problem_of(self, lock: Lock) -> str | None:
        """Why nothing can be locked for this."""
        return self._archives.problem_of(lock)

    async def missing(self, account_ids: Collection[str]) -> list[str]:
        """Those of the accounts that the vault does not have."""
        async with self._store.begin() as transaction:
            return [one for one in account_ids if await transaction.sessions.view(one) is None]

    def written(self, wanted: Wanted) -> AsyncIterator[bytes]:
        """The archive, piece by piece."""
        named: list[BackedUpVersion] = []

        def manifest() -> Manifest:
            return Manifest(made_at=self._clock.now(), sessions=tuple(named))

        return self._archives.written(self._contents(wanted, named), manifest, wanted.lock)

    async def _contents(self, wanted: Wanted, named: list[BackedUpVersion]) -> AsyncIterator[Content]:
        async for session in self._sessions(wanted.account_ids):
            async with self._store.begin() as transaction:
                every = await transaction.sessions.versions(session.account_id, None, _MOST_VERSIONS)
            for version in reversed(every):
                current = version.version == session.current_version
                if wanted.current_only and not current:
                    continue
                async with self._store.begin() as transaction:
                    sealed = await transaction.sessions.content(session.account_id, version.version)
                if sealed is None:
                    continue  # an old state of a node's, forgotten meanwhile
                packed = self._safe.take(session.account_id, session.data_key, version.hash, sealed)
                named.append(_backed_up(version, current))
                yield Content(session.account_id, version.version, unpacked(packed, LARGEST_SESSION))

    async def _sessions(self, account_ids: tuple[str, ...] | None) -> AsyncIterator[Session]:
        if account_ids is not None:
            for account_id in account_ids:
                async with self._store.begin() as transaction:
                    found = await transaction.sessions.one(account_id)
                if found is not None:
                    yield found
            return
        after: str | None = None
        while True:
            async with self._store.begin() as transaction:
                page = await transaction.sessions.page(after, _PAGE)
            for view in page:
                yield view.session
            if len(page) < _PAGE:
                return
            after = page[-1].session.account_id


class RestoreSessions:
    """See the module's docstring."""

    def __init__(
        self, store: Store, reader: SessionReader, archives: Archives, keep: KeepVersion, clock: Clock
    ) -> None:
        self._store = store
        self._reader = reader
        self._archives = archives
        self._keep = keep
        self._clock = clock

    async def __call__(self, file: BinaryIO, unlock: Unlock, by: str | None, *, check_only: bool) -> list[Restored]:
        """Bring back what an archive has; by account."""
        archive = await self._archives.opened(file, unlock)
        manifest = await self._checked(archive)
        by_key = {(one.account_id, one.version): one for one in manifest.sessions}
        done: dict[str, Restored] = {}
        before: dict[str, int] = {}
        async with self._store.begin() as transaction:
            for account_id in {one.account_id for one in manifest.sessions}:
                session = await transaction.sessions.lock(account_id)
                before[account_id] = 0 if session is None else session.current_version

            async def take(content: Content) -> None:
                named = by_key[content.account_id, content.version]
                kept = await self._restored(transaction, content, named, by)
                known = done.get(content.account_id, Restored(content.account_id, 0, 0, before[content.account_id]))
                current = known.current
                if named.current and before[content.account_id] == 0:
                    current = kept.version.version
                added, there = known.added + kept.added, known.there + (not kept.added)
                done[content.account_id] = Restored(content.account_id, added, there, current)

            if check_only:
                return await self._foreseen(transaction, manifest, before)
            await archive.read(take)
            for restored in done.values():
                await self._settle(transaction, restored, before[restored.account_id])
        return [done[account_id] for account_id in sorted(done)]

    async def _checked(self, archive: Archive) -> Manifest:
        """Go over everything without writing: every content a login, no key of another account's."""
        found = _Checking()

        async def look(content: Content) -> None:
            login = self._reader.read_stored(content.content)
            if isinstance(login, RefusedSession):
                where = f"version {content.version} of {content.account_id!r}"
                raise BadArchive(f"{where} in the archive is no login that is taken: {login.reason}")
            owner = found.fingerprints.setdefault(login.fingerprint, content.account_id)
            if owner != content.account_id:
                raise BadArchive(f"the archive has one login as {owner!r} and as {content.account_id!r}")
            found.count += 1

        manifest = await archive.read(look)
        async with self._store.begin() as transaction:
            owners = await transaction.sessions.owners(list(found.fingerprints))
        for fingerprint, owner in owners.items():
            named = found.fingerprints[fingerprint]
            if owner != named:
                raise BadArchive(
                    f"the login of {named!r} in the archive is account {owner!r}'s in the vault: under two names it "
                    "would be live twice; remove that one first, or restore other accounts only"
                )
        return manifest

    async def _restored(
        self, transaction: Transaction, content: Content, named: BackedUpVersion, by: str | None
    ) -> Kept:
        login = self._reader.read_stored(content.content)
        assert not isinstance(login, RefusedSession)
        brought = Brought(content.account_id, login, content.content, SessionOrigin.RESTORE, form=named.form, by=by)
        kept = await self._keep.quietly(transaction, brought)
        if isinstance(kept, KeyTaken):
            raise BadArchive(f"the login of {content.account_id!r} has come in as {kept.account_id!r} meanwhile")
        return kept

    async def _settle(self, transaction: Transaction, restored: Restored, before: int) -> None:
        """An account that was not there gets the version that was current in the archive; others keep theirs."""
        if before != 0:
            return
        session = await transaction.sessions.lock(restored.account_id)
        assert session is not None
        current = restored.current or session.latest_version
        version = await transaction.sessions.version(restored.account_id, current)
        assert version is not None
        now = self._clock.now()
        # As with a first upload, this is no choice against what a node that runs it hands back: that is newer.
        await transaction.sessions.save(chosen(session, version, None, now))
        await transaction.announce([changed(version, "stored", now)])

    async def _foreseen(self, transaction: Transaction, manifest: Manifest, before: dict[str, int]) -> list[Restored]:
        found = []
        for account_id in sorted(before):
            hashes = [one.hash for one in manifest.sessions if one.account_id == account_id]
            there = sum([await transaction.sessions.by_hash(account_id, each) is not None for each in hashes])
            found.append(Restored(account_id, len(hashes) - there, there, before[account_id]))
        return found


def _backed_up(version: SessionVersion, current: bool) -> BackedUpVersion:
    return BackedUpVersion(
        account_id=version.account_id,
        version=version.version,
        current=current,
        hash=version.hash,
        size=version.size,
        origin=version.origin,
        form=version.form,
        stored_at=version.stored_at,
    )
