"""Take in the states of logins that nodes hand back, and the logins that were signed in there. Called by the handlers.

A state is opened with the vault's key, checked as an upload is, and kept as a version; the node is told, and until then
says it again. A node hands back only what the registry has told that it has or had, or what the registry says was
handed back; a state that is ahead of that word waits for it, because the node comes again. What can never be kept is
refused: the node is told why, and says it no more. Raises Unavailable, and Rejected for what was refused.
"""

import asyncio
import base64
from datetime import datetime

import structlog

from services.deployer.domain.keeping import NotOpened, VaultKeys
from services.deployer.domain.ports import Store
from services.deployer.domain.sessions import SyncPlace
from services.deployer.domain.telegram_logins import RefusedSession, SessionReader, TelegramLogin
from services.deployer.use_cases.keep_version import Brought, KeepVersion, Kept, KeyTaken
from services.deployer.use_cases.note_answers import note_answer, note_refusal
from shared.clock import Clock
from shared.contracts.identifiers import content_hash
from shared.contracts.logins import LoginReported
from shared.contracts.sessions import (
    LARGEST_SESSION,
    SessionOrigin,
    SessionRefused,
    SessionStored,
    SessionSynced,
    sealed_for,
)
from shared.messaging import Rejected, Unavailable
from shared.packing import NotPacked, unpacked
from shared.sealing import NotSealedForUs, open_sealed

log = structlog.get_logger(__name__)

# As the message carries it.
LONGEST_REASON = 500


class OpenSealed:
    """Opens what a node has sealed to the vault, and checks that it is a login."""

    def __init__(self, keys: VaultKeys, reader: SessionReader) -> None:
        self._keys = keys
        self._reader = reader

    async def __call__(self, sealed: str, bound_to: bytes, hash_: str, size: int) -> tuple[TelegramLogin, bytes]:
        """The login and its content. Raises Rejected."""
        content = await asyncio.to_thread(self._opened, sealed, bound_to)
        if len(content) != size or content_hash(content) != hash_:
            raise Rejected("what was sealed is not what the message names: its size or hash differs")
        login = await asyncio.to_thread(self._reader.read_stored, content)
        if isinstance(login, RefusedSession):
            raise Rejected(f"what the node handed back is no login: {login.reason}")
        return login, content

    def _opened(self, sealed: str, bound_to: bytes) -> bytes:
        content = base64.b64decode(sealed)
        for private in self._keys.opening():
            try:
                return unpacked(open_sealed(content, private, bound_to), LARGEST_SESSION)
            except NotSealedForUs:
                continue
            except NotPacked as error:
                raise Rejected(f"what the node handed back cannot be unpacked: {error}") from None
        raise Rejected(
            "it was not sealed to a key of this vault's, or for something else, or altered on the way. If the deployer "
            "was restored from an older copy, the node has to join again"
        )


class RecordSyncs:
    """See the module's docstring."""

    def __init__(self, store: Store, open_: OpenSealed, keep: KeepVersion, clock: Clock) -> None:
        self._store = store
        self._open = open_
        self._keep = keep
        self._clock = clock

    async def __call__(self, state: SessionSynced) -> Kept | None:
        """Keep a node's state; None when it has to come again."""
        try:
            return await self._record(state) if await self._may(state) else None
        except Rejected as refused:
            await self._refuse(state, str(refused))
            raise

    async def _record(self, state: SessionSynced) -> Kept:
        brought = await self._brought(state)
        try:
            async with self._store.begin() as transaction:
                kept = await self._keep(transaction, brought)
                if isinstance(kept, KeyTaken):
                    raise Rejected(f"the key of this login is account {kept.account_id!r}'s in the vault")
                now = self._clock.now()
                await note_answer(transaction, state, kept.version, now)
                told = SessionStored(
                    node_id=state.node_id,
                    account_id=state.account_id,
                    epoch=state.epoch,
                    hash=state.hash,
                    stored_at=now,
                )
                await transaction.announce([told])
        except NotOpened as error:
            # The operator has to bring the master key back: until then the node keeps what it has.
            raise Unavailable(str(error)) from error
        return kept

    async def _brought(self, state: SessionSynced) -> Brought:
        bound_to = sealed_for(SessionSynced.TYPE, state.node_id, state.account_id, state.epoch, state.hash)
        login, content = await self._open(state.sealed, bound_to, state.hash, state.size)
        return Brought(
            state.account_id,
            login,
            content,
            SessionOrigin.SYNC,
            node_id=state.node_id,
            place=SyncPlace(state.epoch, state.boot, state.number),
            final=state.final,
        )

    async def _refuse(self, state: SessionSynced, reason: str) -> None:
        told = refusal_of(state, state.epoch, state.hash, reason, self._clock.now())
        async with self._store.begin() as transaction:
            await note_refusal(transaction, state, told.reason, told.refused_at)
            await transaction.announce([told])

    async def _may(self, state: SessionSynced) -> bool:
        async with self._store.begin() as transaction:
            holder = await transaction.sessions.holder(state.account_id, state.epoch)
            if holder is None and await transaction.sessions.is_awaited(state.account_id, state.hash):
                return True
        if holder is None:
            log.info("session_state_too_early", account=state.account_id, node=state.node_id, epoch=state.epoch)
            return False
        if holder.node_id != state.node_id:
            raise Rejected(
                f"node {state.node_id!r} does not have account {state.account_id!r} in epoch {state.epoch}: node "
                f"{holder.node_id!r} has"
            )
        return True


def refusal_of(
    message: SessionSynced | LoginReported, epoch: int, hash_: str, reason: str, now: datetime
) -> SessionRefused:
    """What the node is told whose login the vault does not take."""
    return SessionRefused(
        node_id=message.node_id,
        account_id=message.account_id,
        epoch=epoch,
        hash=hash_,
        reason=reason[:LONGEST_REASON],
        refused_at=now,
    )
