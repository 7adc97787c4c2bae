"""Whether an account may be connected and may speak: the node's lease, and the account's place in the node's set.

Asked before every connection and before every message. Also: what an account may not answer any more. Pure.
"""

from datetime import datetime

from services.node_agent.domain.assignments import Assignments, Verdict
from services.node_agent.domain.lease import Lease


class Permission:
    """The lease and the set of one start of the agent. Times are monotonic seconds, given by the caller."""

    def __init__(self, lease: Lease, assignments: Assignments) -> None:
        self._lease = lease
        self._assignments = assignments

    def has_lease(self, now: float) -> bool:
        """Whether the node may run anybody at all."""
        return self._lease.may_run(now)

    def may_start(self, account_id: str, epoch: int, now: float) -> bool:
        """Whether the account may begin to run in this epoch; its login is here."""
        judged = self._assignments.judge(account_id, None, has_login=True)
        return self._lease.may_run(now) and judged is Verdict.START and self._assignments.epoch(account_id) == epoch

    def may_run(self, account_id: str, epoch: int, now: float) -> bool:
        """Whether the account, which was started in this epoch, may be connected and may speak."""
        return self._lease.may_run(now) and self._assignments.may_run(account_id, epoch)

    def silent_before(self, account_id: str) -> datetime | None:
        """Until when what the account hears may have been answered by a node that fell silent."""
        return self._assignments.silent_before(account_id)
