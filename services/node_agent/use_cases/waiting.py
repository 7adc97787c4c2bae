"""Lets the operator see why accounts do not start although their node has its lease, when that lasts.

Called by the crew whenever it has looked. What is over within a few seconds is not told: it would be an event for each
of a thousand accounts at every start.
"""

import asyncio
from collections.abc import Container, Mapping

from services.node_agent.domain.account_states import STOPPED
from services.node_agent.domain.assignments import Assignments, Says, Verdict
from services.node_agent.domain.berths import Berth
from services.node_agent.domain.ports import HeldLogins
from services.node_agent.domain.reasons import (
    ANOTHER_NODES,
    LOGIN_WANTED,
    MOVED_AWAY,
    NEVER_ASSIGNED,
    UNCONFIRMED,
    login_refused_reason,
)
from services.node_agent.use_cases.roster import Roster
from shared.clock import Clock

SHOWN_SECONDS = 5.0


class Waiting:
    """See the module's docstring."""

    def __init__(self, roster: Roster, assignments: Assignments, logins: HeldLogins, clock: Clock) -> None:
        self._roster = roster
        self._assignments = assignments
        self._logins = logins
        self._clock = clock
        self._since: dict[str, tuple[str, float]] = {}

    async def show(self, berths: Mapping[str, Berth], running: Container[str]) -> None:
        """Show the reasons that have lasted. Raises LedgerAway."""
        now, before, shown = self._clock.monotonic(), self._since, dict[str, str]()
        self._since = {}
        for account_id, berth in berths.items():
            reason = None if account_id in running else self._why_not(account_id, berth)
            if reason is not None:
                known, since = before.get(account_id, (reason, now))
                self._since[account_id] = (reason, since if known == reason else now)
                if now - self._since[account_id][1] >= SHOWN_SECONDS:
                    shown[account_id] = reason
        due = [each for each in shown if self._roster[each].state.status is STOPPED]
        await asyncio.gather(*(self._roster.enter(each, STOPPED, shown[each]) for each in due))

    def _why_not(self, account_id: str, berth: Berth) -> str | None:
        match self._assignments.judge(account_id, None, has_login=berth.file is not None):
            case Verdict.WAIT:
                return UNCONFIRMED
            case Verdict.WANT:
                problem = self._logins.problem(account_id)
                return LOGIN_WANTED if problem is None else login_refused_reason(problem)
            case Verdict.RELEASE:
                return MOVED_AWAY
            case Verdict.REST:
                return ANOTHER_NODES if self._assignments.says(account_id) is Says.ELSEWHERE else NEVER_ASSIGNED
        return None
