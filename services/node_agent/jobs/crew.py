"""The crew: which accounts there are, and which of them run now.

Looks at the session folder, at the logins that have come and at the node's set of assignments, every few seconds and
when it is rung. While the lease is valid every account that may start (`domain.assignments`) and whose login is here
has a runner; one that has no place here any more is forgotten, one whose login was replaced starts again with the new
one, and one whose login died waits for another. What is to be given back is disconnected first, then handed back, then
told. Without a lease nothing is started. A runner that fails never stops another.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from services.node_agent.domain.account_states import ERROR, STOPPED
from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.assignments import Assignments, Says
from services.node_agent.domain.berths import Berth, find_berths
from services.node_agent.domain.ports import HeldLogins, LedgerAway, Ring, Sessions
from services.node_agent.domain.reasons import (
    AGENT_STOPPED,
    ASSIGNED_ANEW,
    FILE_CHANGED,
    MOVED_AWAY,
    NOT_ASSIGNED,
)
from services.node_agent.jobs.account_runner import AccountRunner, RunnerParts
from services.node_agent.use_cases.hand_back import HandBack
from services.node_agent.use_cases.waiting import Waiting
from shared.alarm import Alarm
from shared.contracts.assignments import AssignedAccount

log = structlog.get_logger(__name__)

LOOK_SECONDS = 3.0
# A folder on a disk far away that is gone answers never.
FOLDER_SECONDS = 10.0
# Disconnecting takes three seconds at most, and saving a moment.
END_SECONDS = 4.0


@dataclass(frozen=True)
class Quarters:
    """Where this node's accounts come from (folder, set, logins that have come), and what becomes of the others."""

    sessions: Sessions
    assignments: Assignments
    logins: HeldLogins
    hand_back: HandBack
    waiting: Waiting


@dataclass
class _Member:
    """An account that runs. One that is `leaving` may still be connected, so nobody takes its place yet."""

    file: SessionFile
    epoch: int
    runner: AccountRunner
    task: "asyncio.Task[None]"
    leaving: bool = False


class Crew:
    """Owns the runners. `ring` makes it look at once; `gave_back` is rung when beats have something new to say."""

    def __init__(self, quarters: Quarters, parts: RunnerParts) -> None:
        self._quarters = quarters
        self._assignments = quarters.assignments
        self._roster = parts.roster
        self._parts = parts
        self._clock = parts.clock
        self._alarm = Alarm(parts.clock)
        self._members: dict[str, _Member] = {}
        # What was seen in the folder last, and a look into it that has not ended.
        self._files: Mapping[str, SessionFile] | None = None
        self._looking: asyncio.Task[dict[str, SessionFile]] | None = None
        # Who was stopped while the ledger was away, and why.
        self._untold: dict[str, str] = {}
        # Set when it is known which accounts there are.
        self.looked = asyncio.Event()
        self.gave_back: Ring = lambda: None

    def ring(self) -> None:
        """Look at everything now."""
        self._alarm.ring()

    def wake_runners(self) -> None:
        """What accounts play has changed."""
        for member in self._members.values():
            member.runner.wake()

    async def save(self, account_id: str) -> None:
        """Let an account's login have its state of this moment, if it runs."""
        member = self._members.get(account_id)
        if member is not None:
            await member.runner.save_now()

    async def run(self) -> None:
        """Keep the crew complete until cancelled; then stop everybody."""
        try:
            while True:
                try:
                    await self._look()
                except OSError as error:
                    log.error("accounts_not_looked_at", reason=str(error))
                except LedgerAway as error:
                    log.error("ledger_away", reason=str(error))
                self.looked.set()
                await self._alarm.wait(LOOK_SECONDS)
        finally:
            await self.stop_all(AGENT_STOPPED)

    async def stop_all(self, reason: str) -> None:
        """Disconnect every account, all at once."""
        await self._stop(dict.fromkeys(self._members, reason))

    async def _look(self) -> None:
        quarters = self._quarters
        for account_id in list(self._members):
            self._drop_finished(account_id)
        # Before the folder is looked at, which may take its time or fail.
        await self._stop(self._no_longer_here())
        files = await self._present()
        known = [self._roster[each] for each in self._roster.ids()]
        berths = find_berths(files, quarters.logins.all(), self._assignments, known)
        await self._stop(self._with_another_login(berths) | self._no_longer_here())
        await self._tell_stopped()
        await self._enrol(berths)
        for account_id, berth in berths.items():
            self._start(account_id, berth)
        await self._give_back()
        if self._parts.permission.has_lease(self._clock.monotonic()):
            await quarters.waiting.show(berths, self._members)

    async def _present(self) -> Mapping[str, SessionFile]:
        """The session files. While the folder cannot be read, or hangs, it counts as it was seen last: accounts of the
        vault go on, come and go. Raises OSError when it was never seen.
        """
        self._looking = self._looking or asyncio.create_task(self._quarters.sessions.present(), name="session folder")
        patience = asyncio.create_task(self._clock.sleep(FOLDER_SECONDS))
        waited: set[asyncio.Task[Any]] = {self._looking, patience}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        try:
            if not self._looking.done():
                raise OSError(f"it has not answered for {FOLDER_SECONDS:.0f} s")
            looked, self._looking = self._looking, None
            self._files = looked.result()
        except OSError as error:
            log.error("sessions_unreadable", reason=str(error), advice="look at CALLBOARD_SESSIONS_DIR")
            if self._files is None:
                raise
        return self._files

    def _no_longer_here(self) -> dict[str, str]:
        """The members that are not to run on by the node's set, and why."""
        reasons = {Says.GIVE_BACK: MOVED_AWAY, Says.HERE: ASSIGNED_ANEW}
        return {
            account_id: reasons.get(self._assignments.says(account_id), NOT_ASSIGNED)
            for account_id, member in self._members.items()
            if not self._assignments.may_run(account_id, member.epoch)
        }

    def _with_another_login(self, berths: Mapping[str, Berth]) -> dict[str, str]:
        """The members that do not run with the login that is here now, and why they stop."""
        return {
            account_id: FILE_CHANGED
            for account_id, member in self._members.items()
            if account_id not in berths or berths[account_id].file != member.file
        }

    async def _tell_stopped(self) -> None:
        """Until the ledger is told, they pass for what they were when they were stopped. Raises LedgerAway."""
        if not self._untold:
            return
        untold, self._untold = self._untold, {}
        gone = [each for each in untold if each in self._roster and each not in self._members]
        gone = [each for each in gone if self._roster[each].state.status not in (STOPPED, ERROR)]
        try:
            await asyncio.gather(*(self._roster.enter(each, STOPPED, untold[each]) for each in gone))
        except LedgerAway:
            self._untold = untold | self._untold
            raise

    async def _enrol(self, berths: Mapping[str, Berth]) -> None:
        """Let the roster have the accounts that there are, by the logins that they have."""
        for account_id in set(self._roster.ids()) - set(berths):
            log.info("account_gone", account=account_id)
            await self._roster.vanish(account_id)
        found = {account_id: berth for account_id, berth in berths.items() if account_id not in self._roster}
        for account_id in found:
            log.info("account_found", account=account_id)
        # All at once, so that a thousand of them are one write of the ledger.
        await asyncio.gather(*(self._roster.appear(each, berth.station(None)) for each, berth in found.items()))
        for account_id, berth in berths.items():
            self._roster.station(account_id, berth.station(self._roster[account_id].station))

    def _start(self, account_id: str, berth: Berth) -> None:
        file, permission = berth.file, self._parts.permission
        if file is None or account_id in self._members:
            return
        if not permission.may_start(account_id, berth.epoch, self._clock.monotonic()):
            return
        account = self._roster[account_id]
        if account.state.status is ERROR and account.dead_file == file.fingerprint:
            return
        runner = AccountRunner(account_id, file, berth.epoch, self._parts)
        task = asyncio.create_task(runner.run(), name=f"account {account_id}")
        self._members[account_id] = _Member(file, berth.epoch, runner, task)

    async def _give_back(self) -> None:
        """Hand back what goes to another node, and what came for an assignment that is over."""
        quarters = self._quarters
        asked = [each for each in self._assignments.to_give_back() if each.account_id not in self._members]
        over = [
            AssignedAccount(account_id=account_id, epoch=login.epoch)
            for account_id, login in quarters.logins.all().items()
            if self._assignments.settled
            and account_id not in self._members
            and self._assignments.epoch(account_id) != login.epoch
        ]
        if not asked and not over:
            return
        hashes = await quarters.hand_back.final([*asked, *over])
        for each in (*asked, *over):
            quarters.logins.forget(each.account_id)
        for each in asked:
            heard_until = self._roster.heard_beyond(each.account_id)
            self._assignments.give_back(each, hashes[each.account_id], heard_until)
            log.info("account_given_back", account=each.account_id, epoch=each.epoch, hash=hashes[each.account_id])
        # What is given back is told, and what came for the assignment that follows can be asked for.
        self.gave_back()

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

    async def _stop(self, reasons: Mapping[str, str]) -> None:
        if not reasons:
            return
        members = {each: self._members[each] for each in reasons}
        for member in members.values():
            member.leaving = True
        await self._end([member.task for member in members.values()])
        # Two that stop the same account end together, and it may have started again before the second is told.
        left = [each for each, member in members.items() if self._members.get(each) is member]
        ran = [each for each in left if each in self._roster]
        ran = [each for each in ran if self._roster[each].state.status not in (STOPPED, ERROR)]
        try:
            await asyncio.gather(*(self._roster.enter(each, STOPPED, reasons[each]) for each in ran))
        except LedgerAway as error:
            log.error("ledger_away", reason=str(error))
            self._untold |= {each: reasons[each] for each in ran}
        for each in left:
            if self._members.get(each) is members[each]:
                del self._members[each]
