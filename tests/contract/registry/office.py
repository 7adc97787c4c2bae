"""The use cases of assignments on a store, and nodes as the registry sees them."""

from datetime import datetime, timedelta
from typing import Any

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.lease import Granted
from services.registry.domain.views import AccountPlace, AccountQuestion, AssignmentView
from services.registry.use_cases.announce_assignments import AnnounceAssignments
from services.registry.use_cases.claim_unplaced import ClaimUnplaced
from services.registry.use_cases.empty_draining import EmptyDraining
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.keep_policies import KeepPolicies
from services.registry.use_cases.order_assignment import OrderAssignment
from services.registry.use_cases.record_account_changes import RecordAccountChanges
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.record_sessions import RecordSessions
from services.registry.use_cases.settle_reports import SettleReports
from services.registry.use_cases.settle_silent import SettleSilent
from services.registry.use_cases.show_stranded import ShowStranded
from shared.clock import VirtualClock
from shared.contracts.accounts import AccountReport
from shared.contracts.assignments import (
    AssignAccounts,
    AssignmentChanged,
    AssignmentSet,
    ReleasedAccount,
    assignments_digest,
)
from shared.contracts.heartbeats import HeartbeatReported, NodeFacts
from shared.contracts.sessions import SessionChanged, SessionOrigin
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import PATIENCE, account, beat

HASH, NEWER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
KEY = "A" * 43 + "="
NOTHING = AssignmentSet(revision=0, digest=assignments_digest([], []))
MARGIN, SILENT = timedelta(seconds=10), timedelta(seconds=60)


class Agent:
    """A node as the registry sees it: goes by the sets that it is told, gives back what it is asked for at once."""

    def __init__(self, office: "Office", node_id: str, *logins: str, labels: dict[str, str] | None = None) -> None:
        self._office = office
        self.node_id = node_id
        self.folder = list(logins)
        self.seq = 0
        self.set: AssignAccounts | None = None
        self.released: list[ReleasedAccount] = []
        self.granted: AssignmentSet | None = None
        self.asked: list[tuple[str, int, str | None]] = []
        self._facts = NodeFacts(labels=labels or {})

    @property
    def goes_by(self) -> AssignmentSet:
        """The name of its set."""
        if self.set is None:
            return NOTHING
        return AssignmentSet(
            revision=self.set.revision, digest=assignments_digest(self.set.accounts, self.set.excluded)
        )

    @property
    def runs(self) -> dict[str, int]:
        """What it may run: its own set, when the newest lease names just that."""
        if self.set is None or self.granted != self.goes_by:
            return {}
        return {each.account_id: each.epoch for each in self.set.accounts if not each.release}

    @property
    def silent_before(self) -> dict[str, datetime | None]:
        """Until when it leaves messages of its accounts unanswered."""
        return {} if self.set is None else {each.account_id: each.silent_before for each in self.set.accounts}

    @property
    def excluded(self) -> list[str]:
        """Logins in its folder that are not for it."""
        return [] if self.set is None else self.set.excluded

    async def beats(self, *, wanting: tuple[str, ...] = (), gives: str | None = NEWER, **fields: Any) -> None:
        """A whole beat, and what the registry answers."""
        self.seq += 1
        entries = [] if self.set is None else self.set.accounts
        self.released = [
            ReleasedAccount(account_id=each.account_id, epoch=each.epoch, session_hash=gives)
            for each in entries
            if each.release
        ]
        reports = {each: account(each, epoch=0) for each in self.folder}
        reports |= {each.account_id: account(each.account_id, epoch=each.epoch) for each in entries if each.epoch}
        told: dict[str, Any] = {"assignments": self.goes_by, "released": self.released, "wanting": list(wanting)}
        await self._office.takes(self, self.beat(*reports.values(), **told | fields))

    def beat(self, *reports: AccountReport, seq: int | None = None, **fields: Any) -> HeartbeatReported:
        """A beat with these accounts."""
        return beat(seq or self.seq, *reports, node_id=self.node_id, node=self._facts, **fields)

    def hears(self, outcome: Granted) -> None:
        """The set, then the lease."""
        if outcome.assign is not None and (self.set is None or outcome.assign.revision > self.set.revision):
            self.set = outcome.assign
        self.granted = outcome.grant.assignments
        self.asked = [(each.account_id, each.epoch, each.at_least) for each in outcome.wanted]


class Office:
    """The use cases on a store."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.store = subject.store
        self.clock = VirtualClock()
        health = IntakeHealth(self.clock, lambda: True, lambda: 0)
        self.settle = SettleReports(PATIENCE)
        parts = (self.store, self.clock, lambda: None)
        self._record = RecordHeartbeats(self.store, health, self.settle, self.clock, 30, lambda: None)
        self.changes = RecordAccountChanges(self.store, self.settle, self.clock, lambda: None)
        self.order = OrderAssignment(self.store, self.store, self.clock, lambda: None)
        self.empty = EmptyDraining(*parts)
        self.policies = KeepPolicies(self.store, self.store, self.empty)
        self.claim = ClaimUnplaced(*parts)
        self.announce = AnnounceAssignments(*parts)
        self.sessions = RecordSessions(*parts)
        self.silent = SettleSilent(self.store, self.clock, MARGIN, SILENT, lambda: None)

    async def takes(self, agent: Agent, message: HeartbeatReported) -> None:
        """Record a beat and answer it."""
        (outcome,) = await self._record([message])
        assert isinstance(outcome, Granted)
        agent.hears(outcome)

    async def takes_together(self, *messages: HeartbeatReported) -> list[Granted]:
        """Record beats in one batch."""
        return [outcome for outcome in await self._record(messages) if isinstance(outcome, Granted)]

    async def stranded(self) -> dict[str, str]:
        """What is said of accounts that have no place: the same beside the account and beside its assignment."""
        show = ShowStranded(self.store)
        accounts = await show.of_accounts(await self.store.accounts(AccountQuestion(), AccountPlace(), 100))
        rows = await show.of_assignments(await self.store.assignment_page(AssignmentQuestion(), "", 100))
        of_rows = {row.account_id: row.reason for row in rows if row.reason and "shall move" in row.reason}
        found = {one.account_id: one.status_reason or "" for one in accounts if one.stranded}
        assert {each: reason.partition("no place")[2] for each, reason in of_rows.items()} == {
            each: reason.partition("no place")[2] for each, reason in found.items()
        }
        return found

    async def node(self, node_id: str, *logins: str, labels: dict[str, str] | None = None) -> Agent:
        """A node that is enrolled, has beaten, and goes by its set."""
        agent = Agent(self, node_id, *logins, labels=labels)
        await agent.beats()
        await self.subject.enrol(node_id, KEY)
        await agent.beats()
        return agent

    async def uploads(self, account_id: str, hash_: str = HASH, change: str = "stored", day: int = 1) -> None:
        """The vault tells what it has."""
        at = self.clock.now() + timedelta(days=day)
        told = SessionChanged(
            account_id=account_id, change=change, version=day, hash=hash_, origin=SessionOrigin.UPLOAD, at=at
        )
        await self.sessions([told])

    async def stands(self, account_id: str) -> tuple[str, str | None, int, str | None]:
        """State, node, epoch and target."""
        view = await self.shown(account_id)
        return (view.state.value, view.node_id, view.epoch, view.target)

    async def shown(self, account_id: str) -> AssignmentView:
        """An assignment."""
        view = await self.store.assignment(account_id)
        assert view is not None
        return view

    async def told(self) -> list[str]:
        """What the outbox says of assignments, in short; it is empty afterwards."""
        return [
            f"{each.change} {each.account_id}" if isinstance(each, AssignmentChanged) else f"set {each.node_id}"
            for each in await self.subject.take_sent()
            if isinstance(each, (AssignmentChanged, AssignAccounts))
        ]

    async def passes(self, seconds: float) -> None:
        """Time passes for the leases, whose ends are noticed."""
        await self.subject.pass_time(seconds)
        async with self.store.begin() as transaction:
            await transaction.expire_leases(100)
