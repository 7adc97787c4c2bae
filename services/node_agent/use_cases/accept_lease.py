"""The registry has answered a beat: it grants the lease, asks for a full report, confirms changes, or refuses.

Called by the handlers. Accounts are started and stopped by the crew, which is told through `answered`; this only
keeps the lease and the beats. Raises Rejected for an answer to another node, Unavailable when the ledger is away.
"""

from collections.abc import Callable

import structlog

from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.lease import Ignored, Lease, Refused
from services.node_agent.domain.ports import AccountLedger, LedgerAway, Ring
from shared.contracts.leases import GrantLease, RefuseLease
from shared.messaging import Rejected, Unavailable

log = structlog.get_logger(__name__)


class AcceptLease:
    """See the module's docstring. `wanted` is rung when a full report is asked for; `confirmed` is called with
    the number up to which the registry has the ledger's changes.
    """

    def __init__(self, node_id: str, identity: Identity, lease: Lease, beats: Beats, ledger: AccountLedger) -> None:
        self._node_id = node_id
        self._identity = identity
        self._lease = lease
        self._beats = beats
        self._ledger = ledger
        self._confirmed = 0
        self.answered: Ring = lambda: None
        self.wanted: Ring = lambda: None
        self.confirmed: Callable[[int], None] = lambda through: None

    async def grant(self, message: GrantLease) -> None:
        """The beat is committed."""
        self._check(message.node_id)
        outcome = self._lease.grant(message.boot, message.seq, message.seconds)
        if isinstance(outcome, Ignored):
            log.info("grant_ignored", reason=outcome.why)
            return
        self._beats.confirm(message.seq, full_report=message.full_report)
        if message.ledger_id == self._identity.ledger_id:
            await self._confirm(message.changes_through)
        self.answered()
        if message.full_report:
            self.wanted()

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
                raise Unavailable(str(error)) from error
            self._confirmed = through
        self.confirmed(through)

    def _check(self, node_id: str) -> None:
        if node_id != self._node_id:
            raise Rejected(f"this is node {self._node_id!r}, the lease is for {node_id!r}")
