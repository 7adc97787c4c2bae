"""The guards of the real code, each of which can be taken out to see how soon the simulation notices.

They are the rules of the model (`tests/model/guards.py`) where they stand in the services, and those of newest states.
What only PostgreSQL's transactions, changed settings or two machines with one name could break is not here: these
schedules have none of that.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from services.deployer.use_cases import keep_version
from services.node_agent.deadman_timer import InMemoryTimer
from services.node_agent.domain import assignments as agents
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.permission import Permission
from services.node_agent.jobs.lease_watch import LeaseWatch
from services.node_agent.use_cases.accept_lease import AcceptLease
from services.registry.domain import assignments as rows
from services.registry.use_cases import settle_reports, settle_silent
from shared.contracts.assignments import AssignAccounts, AssignmentState, ReleasedAccount

Cut = AbstractContextManager[Any]


def _margin() -> Cut:
    return patch.object(Lease, "until", property(lambda lease: None if lease._refused_at is not None else lease._until))


def _lease_at_start() -> Cut:
    def may_start(self: Permission, account_id: str, epoch: int, now: float) -> bool:
        judged = self._assignments.judge(account_id, None, has_login=True)
        return judged is agents.Verdict.START and self._assignments.epoch(account_id) == epoch

    def may_run(self: Permission, account_id: str, epoch: int, now: float) -> bool:
        return self._assignments.may_run(account_id, epoch)

    return _all(patch.object(Permission, "may_start", may_start), patch.object(Permission, "may_run", may_run))


def _lease_end() -> Cut:
    async def run(self: LeaseWatch) -> None:
        running = False
        while True:
            if self._lease.may_run(self._clock.monotonic()) and not running:
                running = True
                self._crew.ring()
            await self._alarm.wait()

    return patch.object(LeaseWatch, "run", run)


def _from_sending() -> Cut:
    real, now = AcceptLease.grant, {"is": 0.0}

    async def grant(self: AcceptLease, message: Any) -> None:
        sent = self._lease._sent
        if message.seq in sent:
            sent[message.seq] = now["is"] = max(now["is"], *sent.values())
        await real(self, message)

    return patch.object(AcceptLease, "grant", grant)


def _set_named() -> Cut:
    return patch.object(agents.Assignments, "confirmed", property(lambda self: self._told))


def _newest_grant() -> Cut:
    real = agents.Assignments.granted

    def granted(self: agents.Assignments, seq: int, named: Any) -> bool:
        self._granted_at, self._granted = -1, None
        return real(self, seq, named)

    return patch.object(agents.Assignments, "granted", granted)


def _revision_rises() -> Cut:
    real = agents.Assignments.take

    def take(self: agents.Assignments, order: AssignAccounts) -> Any:
        self.named = self.named.model_copy(update={"revision": -1})
        return real(self, order)

    return patch.object(agents.Assignments, "take", take)


def _really_ended() -> Cut:
    def released(self: agents.Assignments) -> list[ReleasedAccount]:
        asked = (row for row in self._rows.values() if row.release)
        return [ReleasedAccount(account_id=row.account_id, epoch=row.epoch) for row in asked]

    return patch.object(agents.Assignments, "released", released)


def _given_back() -> Cut:
    return patch.object(agents.Assignments, "is_given_back", lambda *_: False)


def _folder_waits() -> Cut:
    real = agents.verdict

    def verdict(says: agents.Says, condition: agents.Condition) -> agents.Verdict:
        here = condition in (agents.Condition.COULD_START, agents.Condition.UNCONFIRMED)
        if here and says in (agents.Says.ELSEWHERE, agents.Says.NOTHING, agents.Says.UNTOLD):
            return agents.Verdict.START
        runs = condition is agents.Condition.RUNS and says in (agents.Says.ELSEWHERE, agents.Says.NOTHING)
        return agents.Verdict.GO_ON if runs else real(says, condition)

    return patch.object(agents, "verdict", verdict)


def _deadman() -> Cut:
    return patch.object(InMemoryTimer, "set", lambda *_: None)


def _waits() -> Cut:
    real = rows._ordered

    def ordered(row: Any, node_id: str, reason: str | None, now: Any) -> Any:
        outcome = real(row, node_id, reason, now)
        if not isinstance(outcome, rows.Moved) or outcome.after is None:
            return outcome
        releasing = outcome.after.state is AssignmentState.RELEASING
        return rows._passed_on(outcome.after, None, None, now) if releasing else outcome

    return patch.object(rows, "_ordered", ordered)


def _drift_margin() -> Cut:
    real = settle_silent.SettleSilent.__init__

    def init(self: Any, *arguments: Any) -> None:
        real(self, *arguments)
        self._margin = timedelta(0)

    return patch.object(settle_silent.SettleSilent, "__init__", init)


def _released_epoch() -> Cut:
    real = rows.moved

    def moved(row: Any, account_id: str, event: Any, now: Any) -> Any:
        if isinstance(event, rows.GivenBack) and row is not None:
            event = replace(event, epoch=row.epoch, revision=row.told_in)
        return real(row, account_id, event, now)

    return patch("services.registry.domain.board.moved", moved)


def _epoch_rises() -> Cut:
    real = rows._started

    def started(row: Any, *arguments: Any) -> Any:
        return real(replace(row, epoch=max(0, row.epoch - 1)), *arguments)

    return patch.object(rows, "_started", started)


def _handed_back() -> Cut:
    real = settle_reports._wanted

    def wanted(*arguments: Any) -> Any:
        found = real(*arguments)
        return {
            node_id: [each.model_copy(update={"at_least": None}) for each in each_node]
            for node_id, each_node in found.items()
        }

    return patch.object(settle_reports, "_wanted", wanted)


def _overtakes() -> Cut:
    return patch.object(keep_version, "overtakes", lambda *_: True)


def _silent_before() -> Cut:
    return patch.object(Permission, "silent_before", lambda *_: None)


def _all(*cuts: Cut) -> Cut:
    stack = ExitStack()
    for cut in cuts:
        stack.enter_context(cut)
    return stack


GUARDS: dict[str, Callable[[], Cut]] = {
    "lease_at_start": _lease_at_start,
    "lease_end": _lease_end,
    "margin": _margin,
    "from_sending": _from_sending,
    "set_named": _set_named,
    "newest_grant": _newest_grant,
    "revision_rises": _revision_rises,
    "really_ended": _really_ended,
    "given_back": _given_back,
    "folder_waits": _folder_waits,
    "deadman": _deadman,
    "waits": _waits,
    "drift_margin": _drift_margin,
    "released_epoch": _released_epoch,
    "epoch_rises": _epoch_rises,
    "handed_back": _handed_back,
    "overtakes": _overtakes,
    "silent_before": _silent_before,
}


def without(names: Sequence[str]) -> Cut:
    """The code without these guards, for as long as this is entered."""
    return _all(*(GUARDS[name]() for name in names))
