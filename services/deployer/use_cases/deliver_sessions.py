"""Deliver logins to the nodes that run them, sealed to each node's key. Called by the handler and by the download door.

Only the registry asks, after it has looked who has the account, and it asks again with every beat of a node that lacks
a login. So what cannot be delivered yet, because the state that the last node handed back has not come in, is simply
not delivered: the next question finds it. Who has which account is noted on the way, and which state is waited for: the
registry heard of it from the node that had the account, so it is taken whoever the vault was told of, by every replica
and after every restart. Raises Unavailable.
"""

import base64
from collections.abc import Callable

import structlog

from services.deployer.domain.keeping import NotOpened, SessionSafe
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.sessions import Destination, Holder, SessionVersion
from shared.clock import Clock
from shared.contracts.assignments import AssignmentChanged, AssignmentState, SessionWanted
from shared.contracts.sessions import SEALED_INLINE_LIMIT, DeliverSession, sealed_for
from shared.sealing import seal

log = structlog.get_logger(__name__)


UrlOf = Callable[[Destination], str]


class DeliverSessions:
    """See the module's docstring."""

    def __init__(self, store: Store, safe: SessionSafe, url_of: UrlOf, clock: Clock) -> None:
        self._store = store
        self._safe = safe
        self._url_of = url_of
        self._clock = clock

    async def note(self, change: AssignmentChanged) -> None:
        """Note who has an account."""
        if change.node_id is None:
            async with self._store.begin() as transaction:
                await _given_back(transaction, change)
            return
        held = change.state is not AssignmentState.UNASSIGNED
        async with self._store.begin() as transaction:
            await transaction.sessions.hold(Holder(change.account_id, change.epoch, change.node_id, change.at, held))

    async def deliver(self, wanted: SessionWanted) -> DeliverSession | None:
        """Send the current version to the node that has the account; None when there is nothing to send yet."""
        async with self._store.begin() as transaction:
            holder = Holder(wanted.account_id, wanted.epoch, wanted.node_id, wanted.at, awaits=wanted.at_least)
            await transaction.sessions.hold(holder)
            order = await self._order(transaction, wanted)
            if order is not None:
                await transaction.announce([order])
        return order

    async def sealed(self, destination: Destination) -> bytes | None:
        """A version, sealed for the node that its URL was made for."""
        async with self._store.begin() as transaction:
            version = await transaction.sessions.version(destination.account_id, destination.version)
            if version is None:
                return None
            return await self._sealed(transaction, version, destination)

    async def _order(self, transaction: Transaction, wanted: SessionWanted) -> DeliverSession | None:
        newest = await transaction.sessions.newest_holder(wanted.account_id)
        holder = await transaction.sessions.holder(wanted.account_id, wanted.epoch)
        if newest is None or newest.epoch != wanted.epoch or holder is None or holder.node_id != wanted.node_id:
            return self._silent(wanted, "another node has the account by now")
        session = await transaction.sessions.one(wanted.account_id)
        missing = wanted.at_least
        if missing and session and await transaction.sessions.by_hash(wanted.account_id, missing) is not None:
            missing = None
        if session is None:
            return self._silent(wanted, "the vault has no login of this account")
        if missing:
            return self._silent(wanted, "the state that the last node handed back has not come in")
        version = await transaction.sessions.version(wanted.account_id, session.current_version)
        assert version is not None
        to = Destination(wanted.node_id, wanted.account_id, wanted.epoch, version.version, wanted.sealing_key)
        sealed = await self._sealed(transaction, version, to)
        if sealed is None:
            return None
        inline = len(sealed) <= SEALED_INLINE_LIMIT
        return DeliverSession(
            node_id=wanted.node_id,
            account_id=wanted.account_id,
            epoch=wanted.epoch,
            version=version.version,
            hash=version.hash,
            size=version.size,
            sealed=base64.b64encode(sealed).decode() if inline else None,
            url=None if inline else self._url_of(to),
            issued_at=self._clock.now(),
        )

    def _silent(self, wanted: SessionWanted, why: str) -> DeliverSession | None:
        log.info("session_not_delivered_yet", account=wanted.account_id, node=wanted.node_id, reason=why)
        return None

    async def _sealed(self, transaction: Transaction, version: SessionVersion, to: Destination) -> bytes | None:
        session = await transaction.sessions.one(to.account_id)
        content = await transaction.sessions.content(to.account_id, version.version)
        if session is None or content is None:
            return None
        try:
            packed = self._safe.take(to.account_id, session.data_key, version.hash, content)
        except NotOpened as error:
            log.error("session_not_delivered", account=to.account_id, node=to.node_id, reason=str(error))
            return None
        bound_to = sealed_for(DeliverSession.TYPE, to.node_id, to.account_id, to.epoch, version.hash)
        return seal(packed, base64.b64decode(to.sealing_key), bound_to)


async def _given_back(transaction: Transaction, change: AssignmentChanged) -> None:
    known = await transaction.sessions.holder(change.account_id, change.epoch)
    if known is not None:
        back = Holder(change.account_id, change.epoch, known.node_id, change.at, held=False)
        await transaction.sessions.hold(back)
