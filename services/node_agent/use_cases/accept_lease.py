"""The registry has answered a beat: it grants the lease, names the set, asks for a full report, confirms, or refuses.

Called by the handlers. Accounts are started and stopped by the crew, which is told through `answered`; this only
keeps the lease and the beats. Raises Rejected for an answer to another node. A ledger that is away costs nothing here:
what the registry has committed is forgotten with a later grant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from services.node_agent.domain.assignments import Assignments
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.deadman import Deadman
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.lease import Ignored, Lease, Refused
from services.node_agent.domain.ports import AccountLedger, LedgerAway, Ring
from shared.contracts.leases import GrantLease, RefuseLease
from shared.messaging import Rejected

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Allowance:
    """What the registry's answers decide: until when, for which set, and when the process ends if it hangs."""

    lease: Lease
    assignments: Assignments
    deadman: Deadman


class AcceptLease:
    """See the module's docstring. `wanted` is rung when a beat is asked for, in full or because the set is another;
    `named` when the newest grant names the set that the node goes by; `confirmed` is called with the number up to which
    the registry has the ledger's changes.
    """

    def __init__(
        self, node_id: str, identity: Identity, allowance: Allowance, beats: Beats, ledger: AccountLedger
    ) -> None:
        self._node_id = node_id
        self._identity = identity
        self._lease = allowance.lease
        self._assignments = allowance.assignments
        self._deadman = allowance.deadman
        self._beats = beats
        self._ledger = ledger
        self._confirmed = 0
        self.answered: Ring = lambda: None
        self.wanted: Ring = lambda: None
        self.named: Ring = lambda: None
        self.confirmed: Callable[[int], None] = lambda through: None

    async def grant(self, message: GrantLease) -> None:
        """The beat is committed."""
        self._check(message.node_id)
        outcome = self._lease.grant(message.boot, message.seq, message.seconds)
        if isinstance(outcome, Ignored):
            log.info("grant_ignored", reason=outcome.why)
            return
        self._deadman.granted(outcome.until)
        self._beats.confirm(message.seq, full_report=message.full_report)
        confirmed = self._assignments.confirmed
        another = self._assignments.granted(message.seq, message.assignments)
        self.answered()
        if message.full_report or another:
            self.wanted()
        if self._assignments.confirmed and not confirmed:
            self.named()
        if message.ledger_id == self._identity.ledger_id:
            await self._confirm(message.changes_through)

    async def refuse(self, message: RefuseLease) -> None:
        """This node may not run."""
        self._check(message.node_id)
        outcome = self._lease.refuse(message.boot, message.seq, message.newest_boot)
        match outcome:
            case Ignored(why):
                log.info("refusal_ignored", reason=why)
            case Refused(newest_boot):
                log.error("lease_refused", cause=message.cause.value, newest_boot=newest_boot,
                          advice="another agent uses this node id: stop it, or give one of them its own")  # fmt: skip
                self.answered()

    async def _confirm(self, through: int) -> None:
        if through > self._confirmed:
            try:
                await self._ledger.confirm_changes(through)
            except LedgerAway as error:
                # To wait for it would keep the grants that follow from being heard.
                log.error("changes_not_confirmed", through=through, reason=str(error))
                return
            self._confirmed = max(through, self._confirmed)
        self.confirmed(through)

    def _check(self, node_id: str) -> None:
        if node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the lease is for {node_id!r}")
