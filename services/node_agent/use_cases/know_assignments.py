"""The registry tells the node's set of assignments, and that the vault has a login.

The set is kept in memory alone; a started agent is told it again after its first beat. Raises Rejected for what is for
another node, Unavailable when the ledger is away.
"""

import structlog

from services.node_agent.domain.assignments import Assignments, OlderSet, Taken
from services.node_agent.domain.ports import LedgerAway, Ring, SignInLedger
from services.node_agent.use_cases.hand_back import HandBack
from services.node_agent.use_cases.roster import Roster
from shared.contracts.assignments import AssignAccounts
from shared.contracts.sessions import SessionStored
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
        except LedgerAway as error:
            raise Unavailable(str(error)) from error
        self._roster.stored(message.account_id, message.epoch, message.hash)
