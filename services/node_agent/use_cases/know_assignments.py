"""The registry tells the node's set of assignments; the vault tells that it has a login, or does not take it.

The set is kept in memory alone; a started agent is told it again after its first beat. Raises Rejected for what is for
another node, Unavailable when the ledger is away.
"""

from collections.abc import Callable

import structlog

from services.node_agent.domain.account_states import ONLINE
from services.node_agent.domain.assignments import Assignments, OlderSet, Taken
from services.node_agent.domain.ports import LedgerAway, Ring, SignInLedger
from services.node_agent.domain.reasons import is_not_stored, not_stored_reason
from services.node_agent.use_cases.hand_back import HandBack
from services.node_agent.use_cases.roster import Roster
from shared.contracts.assignments import AssignAccounts
from shared.contracts.sessions import SessionRefused, SessionStored
from shared.messaging import Rejected, Unavailable

log = structlog.get_logger(__name__)


class KnowAssignments:
    """The use case. `taken` is rung when the node goes by another set: accounts and beats follow from it."""

    def __init__(self, node_id: str, assignments: Assignments) -> None:
        self._node_id = node_id
        self._assignments = assignments
        self.taken: Ring = lambda: None

    async def __call__(self, message: AssignAccounts) -> None:
        """Take the set in place of the one before, if it is newer."""
        if message.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the set is for {message.node_id!r}")
        match self._assignments.take(message):
            case Taken(named):
                log.info("assignments_taken", revision=named.revision, accounts=len(message.accounts),
                         excluded=len(message.excluded))  # fmt: skip
                self.taken()
            case OlderSet(revision):
                log.info("assignments_ignored", revision=message.revision, known=revision)


class KnowStored:
    """The vault has stored a state that was handed back, or the login of a sign-in."""

    def __init__(self, node_id: str, hand_back: HandBack, sign_ins: SignInLedger, roster: Roster) -> None:
        self._node_id = node_id
        self._hand_back = hand_back
        self._sign_ins = sign_ins
        self._roster = roster

    async def __call__(self, message: SessionStored) -> None:
        """Say it no more."""
        if message.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the login is of {message.node_id!r}")
        try:
            await self._hand_back.stored(message.account_id, message.epoch, message.hash)
            await self._sign_ins.stored(message.hash)
            self._roster.stored(message.account_id, message.epoch, message.hash)
            await _show(self._roster, message, None)
        except LedgerAway as error:
            raise Unavailable(str(error)) from error


# What becomes of a state that the vault does not take: account, epoch, hash.
Held = Callable[[str, int, str], None]


class KnowRefused:
    """The vault does not take a state. `held` is called with it: it is kept, and said no more by this start."""

    def __init__(self, node_id: str, roster: Roster) -> None:
        self._node_id = node_id
        self._roster = roster
        self.held: Held = lambda account_id, epoch, hash_: None

    async def __call__(self, message: SessionRefused) -> None:
        """Say it no more, and let the operator see why."""
        if message.node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the login is of {message.node_id!r}")
        log.error("login_not_taken_by_the_vault", account=message.account_id, epoch=message.epoch, hash=message.hash,
                  reason=message.reason)  # fmt: skip
        self.held(message.account_id, message.epoch, message.hash)
        try:
            await _show(self._roster, message, not_stored_reason(message.reason))
        except LedgerAway as error:
            raise Unavailable(str(error)) from error


async def _show(roster: Roster, message: SessionStored | SessionRefused, reason: str | None) -> None:
    """Beside an account that is online there is no other reason; beside the others there is a more urgent one."""
    account_id = message.account_id
    if account_id not in roster:
        return
    account = roster[account_id]
    if account.state.status is not ONLINE or account.epoch != message.epoch:
        return
    if reason is not None or is_not_stored(account.state.reason):
        await roster.enter(account_id, ONLINE, reason)
