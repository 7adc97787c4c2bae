"""The crew: which accounts there are, and which of them run now.

Looks at the session folder every few seconds. While the lease is valid every account whose file is there has a
runner; one whose file is gone is forgotten, one whose file was replaced starts again with the new file, and one whose
login died waits for another file. Without a lease nothing is started. A runner that fails never stops another.
"""

import asyncio
from dataclasses import dataclass

import structlog

from services.node_agent.domain.account_states import ERROR, STOPPED
from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import LedgerAway, Sessions
from services.node_agent.domain.reasons import AGENT_STOPPED, FILE_CHANGED
from services.node_agent.jobs.account_runner import AccountRunner, RunnerParts
from services.node_agent.use_cases.roster import Roster
from shared.alarm import Alarm
from shared.clock import Clock

log = structlog.get_logger(__name__)

LOOK_SECONDS = 3.0
# Disconnecting takes three seconds at most, and saving a moment.
END_SECONDS = 4.0


@dataclass
class _Member:
    """An account that runs. One that is `leaving` may still be connected, so nobody takes its place yet."""

    file: SessionFile
    runner: AccountRunner
    task: "asyncio.Task[None]"
    leaving: bool = False


class Crew:
    """Owns the runners. `ring` makes it look at once."""

    def __init__(self, sessions: Sessions, roster: Roster, lease: Lease, parts: RunnerParts, clock: Clock) -> None:
        self._sessions = sessions
        self._roster = roster
        self._lease = lease
        self._parts = parts
        self._clock = clock
        self._alarm = Alarm(clock)
        self._members: dict[str, _Member] = {}
        # Set when it is known which accounts there are.
        self.looked = asyncio.Event()

    def ring(self) -> None:
        """Look at the folder and the lease now."""
        self._alarm.ring()

    def wake_runners(self) -> None:
        """What accounts play has changed."""
        for member in self._members.values():
            member.runner.wake()

    async def run(self) -> None:
        """Keep the crew complete until cancelled; then stop everybody."""
        try:
            while True:
                try:
                    await self._look()
                except OSError as error:
                    log.error("sessions_unreadable", reason=str(error), advice="look at CALLBOARD_SESSIONS_DIR")
                except LedgerAway as error:
                    log.error("ledger_away", reason=str(error))
                self.looked.set()
                await self._alarm.wait(LOOK_SECONDS)
        finally:
            await self.stop_all(AGENT_STOPPED)

    async def stop_all(self, reason: str) -> None:
        """Disconnect every account, all at once."""
        await self._stop(list(self._members), reason)

    async def _look(self) -> None:
        present = await self._sessions.present()
        for account_id in set(self._members) & set(present):
            self._drop_finished(account_id)
        replaced = [each for each, member in self._members.items() if present.get(each) != member.file]
        await self._stop(replaced, FILE_CHANGED)
        for account_id in set(self._roster.ids()) - set(present):
            log.info("account_gone", account=account_id)
            await self._roster.vanish(account_id)
        found = {account_id: file for account_id, file in present.items() if account_id not in self._roster}
        for account_id in found:
            log.info("account_found", account=account_id)
        # All at once, so that a thousand of them are one write of the ledger.
        await asyncio.gather(*(self._roster.appear(account_id, file) for account_id, file in found.items()))
        for account_id, file in present.items():
            self._start(account_id, file)

    def _start(self, account_id: str, file: SessionFile) -> None:
        if account_id in self._members or not self._lease.may_run(self._clock.monotonic()):
            return
        account = self._roster[account_id]
        if account.state.status is ERROR and account.dead_file == file.fingerprint:
            return
        runner = AccountRunner(account_id, file, self._parts)
        task = asyncio.create_task(runner.run(), name=f"account {account_id}")
        self._members[account_id] = _Member(file, runner, task)

    def _drop_finished(self, account_id: str) -> None:
        member = self._members[account_id]
        if member.task.done() and not member.leaving:
            del self._members[account_id]
            if not member.task.cancelled() and (error := member.task.exception()) is not None:
                log.error("account_runner_failed", account=account_id, reason=str(error), exc_info=error)

    async def _end(self, tasks: list["asyncio.Task[None]"]) -> None:
        """Cancel until everybody has ended: no library's mistake with a cancellation may outlive the lease."""
        pending = set(tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=END_SECONDS)
            for task in pending:
                log.error("account_does_not_stop", task=task.get_name())
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("account_runner_failed", task=task.get_name(), reason=str(error), exc_info=error)

    async def _stop(self, account_ids: list[str], reason: str) -> None:
        members = {each: self._members[each] for each in account_ids}
        for member in members.values():
            member.leaving = True
        await self._end([member.task for member in members.values()])
        # Two that stop the same account end together, and it may have started again before the second is told.
        left = [each for each, member in members.items() if self._members.get(each) is member]
        ran = [each for each in left if each in self._roster]
        ran = [each for each in ran if self._roster[each].state.status not in (STOPPED, ERROR)]
        try:
            await asyncio.gather(*(self._roster.enter(each, STOPPED, reason) for each in ran))
        except LedgerAway as error:
            log.error("ledger_away", reason=str(error))
        for each in left:
            if self._members.get(each) is members[each]:
                del self._members[each]
