"""Keep a login as a version in the vault: what uploads, nodes' states, sign-ins and restores have in common.

Runs in the caller's transaction and puts what is to be told into its outbox. The session's row is locked on the way, so
that versions are numbered without gaps and the current one is decided once.
"""

from dataclasses import dataclass, field, replace

from services.deployer.domain.keeping import SessionSafe
from services.deployer.domain.ports import Transaction
from services.deployer.domain.sessions import (
    MOST_SYNCS,
    Session,
    SessionVersion,
    SyncPlace,
    changed,
    chosen,
    overtakes,
    synced,
)
from services.deployer.domain.telegram_logins import TelegramLogin
from shared.clock import Clock
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import SessionOrigin
from shared.packing import packed


@dataclass(frozen=True, slots=True)
class Brought:
    """A login that came: `place` and `node_id` of a node's state, `form` and `by` of an operator's."""

    account_id: str
    login: TelegramLogin
    content: bytes = field(repr=False)
    origin: SessionOrigin
    form: str | None = None
    by: str | None = None
    node_id: str | None = None
    place: SyncPlace | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """It is there: `added` as a version of its own, or as the one that had this content before."""

    version: SessionVersion
    added: bool
    current: bool


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The same login is in the vault under another account: live under both it would be destroyed."""

    account_id: str


class KeepVersion:
    """See the module's docstring."""

    def __init__(self, safe: SessionSafe, clock: Clock) -> None:
        self._safe = safe
        self._clock = clock

    async def __call__(self, transaction: Transaction, brought: Brought) -> Kept | KeyTaken:
        """Keep it. Raises NotOpened when the session's data key does not open."""
        session = await self._entered(transaction, brought.account_id)
        owner = await transaction.sessions.claim(brought.login.fingerprint, brought.account_id)
        if owner != brought.account_id:
            if session.latest_version == 0:
                await transaction.sessions.remove(brought.account_id)
            return KeyTaken(owner)
        before = await transaction.sessions.version(brought.account_id, session.current_version)
        version, added = await self._versioned(transaction, session, brought)
        now = self._clock.now()
        if brought.place is None:
            # The first one is no choice against what a node hands back: there was nothing to choose from.
            epoch = None if before is None else await newest_epoch(transaction, brought.account_id)
            after = chosen(session, version, epoch, now)
        else:
            current = overtakes(session, before, brought.place, brought.login.fingerprint)
            after = synced(session, version, now, current=current)
            await transaction.sessions.forget_syncs(brought.account_id, MOST_SYNCS, after.current_version)
        await transaction.sessions.save(after)
        is_current = after.current_version == version.version
        if is_current and after.current_version != session.current_version:
            change = "stored" if before is None or brought.place is not None else "chosen"
            await transaction.announce([changed(version, change, now)])
        return Kept(version, added, is_current)

    async def quietly(self, transaction: Transaction, brought: Brought) -> Kept | KeyTaken:
        """Keep it without making it current, for a restore that does that at its end. Raises NotOpened."""
        session = await self._entered(transaction, brought.account_id)
        owner = await transaction.sessions.claim(brought.login.fingerprint, brought.account_id)
        if owner != brought.account_id:
            return KeyTaken(owner)
        version, added = await self._versioned(transaction, session, brought)
        latest = max(session.latest_version, version.version)
        await transaction.sessions.save(replace(session, latest_version=latest, updated_at=self._clock.now()))
        return Kept(version, added, current=False)

    async def _entered(self, transaction: Transaction, account_id: str) -> Session:
        session = await transaction.sessions.lock(account_id)
        if session is None:
            now = self._clock.now()
            await transaction.sessions.enter(Session(account_id, self._safe.new_key(account_id), now, now))
            session = await transaction.sessions.lock(account_id)
        assert session is not None
        return session

    async def _versioned(
        self, transaction: Transaction, session: Session, brought: Brought
    ) -> tuple[SessionVersion, bool]:
        hash_ = content_hash(brought.content)
        known = await transaction.sessions.by_hash(brought.account_id, hash_)
        if known is not None:
            place = brought.place
            if place is not None and (known.place is None or place > known.place):
                known = replace(known, place=place, node_id=brought.node_id, final=brought.final)
                await transaction.sessions.move(known)
            return known, False
        version = SessionVersion(
            account_id=brought.account_id,
            version=session.latest_version + 1,
            hash=hash_,
            size=len(brought.content),
            origin=brought.origin,
            stored_at=self._clock.now(),
            fingerprint=brought.login.fingerprint,
            user_id=brought.login.user_id,
            form=brought.form,
            by=brought.by,
            node_id=brought.node_id,
            place=brought.place,
            final=brought.final,
        )
        sealed = self._safe.put(brought.account_id, session.data_key, hash_, packed(brought.content))
        await transaction.sessions.add(version, sealed)
        return version, True


async def newest_epoch(transaction: Transaction, account_id: str) -> int | None:
    """The newest epoch of an account that the registry has told of."""
    newest = await transaction.sessions.newest_holder(account_id)
    return None if newest is None else newest.epoch
