"""The use cases of assignments, on both stores: from a node's report to the next node, and every way to stop."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.registry.domain.accounts import AccountGroup
from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.assignments import Takeover, Unassignable
from services.registry.domain.lease import Granted
from services.registry.domain.views import AccountPlace, AccountQuestion, AssignmentView, DrainView
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
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import HeartbeatReported, NodeFacts
from shared.contracts.sessions import SessionChanged, SessionOrigin
from tests.contract.registry.conftest import Subject
from tests.unit.registry.builders import PATIENCE, account, beat, change

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


@pytest.fixture
def office(subject: Subject) -> Office:
    """The use cases on the store under test."""
    return Office(subject)


async def test_a_folders_login_is_its_first_nodes(office: Office) -> None:
    """A node would start nothing of what is in its folder, or two nodes the same login."""
    n, m = Agent(office, "n", "a", "b"), Agent(office, "m", "a")
    await n.beats()
    assert n.runs == {"a": 0, "b": 0}, "with the very first lease"
    assert await office.told() == ["assigned a", "assigned b"]
    await m.beats()
    await m.beats()
    assert (m.runs, m.excluded) == ({}, ["a"])
    shown = await office.store.account("a", "m")
    assert shown is not None
    assert shown.assigned_to == "n"


async def test_a_change_that_overtakes_the_beat_claims_too(office: Office) -> None:
    """The beat after it would find the account's row there and claim nothing."""
    await office.changes([change(1, account("a"))])
    n = Agent(office, "n", "a")
    await n.beats()
    assert n.runs == {"a": 0}


async def test_two_nodes_that_report_a_login_in_one_batch(office: Office) -> None:
    """Both would be told that it is theirs."""
    n, m = Agent(office, "n", "a"), Agent(office, "m", "a")
    n.seq = m.seq = 1
    for agent, outcome in zip(
        (n, m),
        await office.takes_together(
            *(each.beat(account("a", epoch=0), assignments=NOTHING) for each in (n, m)),
        ),
        strict=True,
    ):
        agent.hears(outcome)
    assert sorted([*n.runs, *m.runs]) == ["a"]
    assert sorted([*n.excluded, *m.excluded]) == ["a"]


async def test_a_login_that_leaves_its_folder_is_free_when_its_node_says_so(office: Office) -> None:
    """A session file that somebody carries to another node would never start there, or start while it runs here."""
    n, m = await office.node("n", "a"), await office.node("m")
    n.folder = []
    await n.beats()
    assert await office.stands("a") == ("releasing", "n", 0, None)
    m.folder = ["a"]
    await m.beats()
    assert m.excluded == ["a"]
    await n.beats(gives=None)
    assert await office.store.assignment("a") is None
    await office.claim()
    await m.beats()
    assert (m.runs, m.excluded, n.runs) == ({"a": 0}, [], {})


async def test_an_older_agents_login_is_free_at_once(office: Office) -> None:
    """It never says that it has let go: nobody could ever have the login again."""
    old = Agent(office, "old", "a")
    await old.beats(assignments=None)
    assert await office.stands("a") == ("assigned", "old", 0, None)
    old.folder = []
    await old.beats(assignments=None)
    assert await office.store.assignment("a") is None
    assert old.set is None, "and nothing was sent that it does not know"


async def test_what_was_there_before_assignments_is_claimed(office: Office) -> None:
    """After an upgrade no account would ever start again."""
    async with office.store.begin() as transaction:
        nodes = await transaction.lock_nodes(["n"])
        await transaction.save_nodes([replace(nodes["n"], status=NodeStatus.ONLINE, takes_assignments=True)], 30)
        await transaction.write_accounts([_group("n", account("a"), account("b"))])
    await office.claim()
    assert await office.told() == ["assigned a", "assigned b", "set n"]
    await office.claim()
    assert await office.told() == []


def _group(node_id: str, *reports: AccountReport) -> AccountGroup:
    return AccountGroup(node_id, 1, 1, reports)


async def test_a_move_from_order_to_start(office: Office) -> None:
    """The whole way: asked back, handed back, the next epoch, the login sealed to the next node and no other."""
    n, m = await office.node("n", "a"), await office.node("m")
    await office.told()
    view = await office.order("a", "m")
    assert isinstance(view, AssignmentView)
    assert await office.told() == ["releasing a", "set n"]
    await m.beats(wanting=("a",))
    assert (m.runs, m.asked) == ({}, []), "nothing before the node that has it has given it back"
    await n.beats()  # learns it
    assert await office.stands("a") == ("releasing", "n", 0, "m")
    await n.beats()  # has given it back
    assert await office.stands("a") == ("assigned", "m", 1, None)
    assert (n.runs, n.excluded) == ({}, ["a"])
    assert await office.told() == ["assigned a", "set m"]
    await m.beats()
    await m.beats(wanting=("a",))
    assert (m.runs, m.asked) == ({"a": 1}, [("a", 1, NEWER)])
    await office.uploads("a", NEWER)
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 1, None)], "the vault has it now"


async def test_a_login_is_sent_only_to_the_node_that_has_the_account(office: Office) -> None:
    """A node with stolen credentials would ask for every login of the fleet."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await m.beats(wanting=("a", "unknown"))
    assert m.asked == []
    m.seq += 1
    await office.takes(m, m.beat(account("a", epoch=9), assignments=m.goes_by, wanting=["a"]))
    await office.claim()
    assert (await office.shown("a")).node_id == "m", "a higher epoch is learnt, in case this database is an older copy"
    await m.beats(wanting=("a",))
    assert m.asked == [], "but no login is sent for it"
    await n.beats()
    assert n.runs == {}


async def test_a_word_of_an_earlier_tenure_is_not_taken(office: Office) -> None:
    """A beat that was late on its way would give an account to the next node while this one runs it."""
    n, m = await office.node("n", "a"), await office.node("m")
    before = n.goes_by
    await office.order("a", "m")
    n.seq += 1
    word = ReleasedAccount(account_id="a", epoch=0, session_hash=NEWER)
    await office.takes(n, n.beat(account("a", epoch=0), assignments=before, released=[word]))
    assert await office.stands("a") == ("releasing", "n", 0, "m")
    assert m.runs == {}


async def test_what_was_handed_back_is_not_waited_for_for_ever(office: Office) -> None:
    """An account would be down because a node died with the newest state of its login."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    await office.order("a", "m")
    await n.beats()
    await n.beats()
    await m.beats()
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 2, NEWER)]
    given_back = office.clock.now()
    await office.clock.run_for(PATIENCE.total_seconds() + 1)
    await m.beats(wanting=("a",))
    assert m.asked == [], "first it is told until when it leaves messages unanswered"
    assert m.silent_before == {"a": given_back}
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 2, None)]
    assert "did not come in time" in ((await office.shown("a")).reason or "")


async def test_a_silent_node_is_waited_for_until_its_lease_and_a_margin_are_over(office: Office) -> None:
    """A session would be live twice, or an account down for ever."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    await office.order("a", "m")
    await office.passes(31)
    await office.silent()
    assert await office.stands("a") == ("releasing", "n", 1, "m")
    await office.passes(10)
    await office.silent()
    assert await office.stands("a") == ("assigned", "m", 2, None)
    assert "fell silent" in ((await office.shown("a")).reason or "")
    await n.beats()
    assert n.runs == {}, "it comes back and is told that the account is not its any more"
    await m.beats()
    assert m.runs == {"a": 2}


async def test_what_a_silent_node_may_have_answered_is_not_answered_again(office: Office) -> None:
    """The vault's state is older than what was answered with it: guests would be answered twice."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    assert n.silent_before == {"a": None}
    await office.order("a", "m")
    await office.passes(60)
    await office.silent()
    await m.beats()
    until = m.silent_before["a"]
    assert until is not None
    await office.order("a", "n")
    await m.beats()
    await m.beats()
    await n.beats()
    assert n.silent_before == {"a": until}, "a state that was handed back since may still not know of it"


async def test_a_node_with_another_ledger_does_not_answer_what_the_one_before_it_may_have(office: Office) -> None:
    """A machine that is set up anew under its old name has the vault's state, and no memory."""
    await office.uploads("a")
    n = await office.node("n")
    await office.order("a", "n")
    await n.beats()
    n.set = None
    await office.passes(60)
    await n.beats(ledger_id="f" * 32, boot=2)
    assert n.silent_before["a"] is not None


async def test_a_login_that_is_only_on_a_silent_node_waits_for_it(office: Office) -> None:
    """It would be assigned to a node that nobody can send it to, and its own would have to leave it."""
    await office.node("n", "a")
    await office.node("m")
    await office.order("a", "m")
    await office.passes(1000)
    await office.silent()
    assert await office.stands("a") == ("releasing", "n", 0, "m")


async def test_a_login_on_a_node_that_is_cut_off_may_be_claimed_elsewhere(office: Office) -> None:
    """A machine that burnt down would keep its accounts for ever, although their files are on another one."""
    lost = Agent(office, "lost", "a")
    await lost.beats()
    m = await office.node("m", "a")
    assert m.excluded == ["a"]
    await office.passes(100)
    await m.beats()
    await office.order("a", None)
    await office.silent()
    assert await office.store.assignment("a") is None
    await office.claim()
    await m.beats()
    assert m.runs == {"a": 0}


async def test_accounts_of_a_dead_node_move_where_the_policy_says_so(office: Office) -> None:
    """An account would be down until somebody wakes up, or be taken from a node that only restarts."""
    for each in ("a", "b"):
        await office.uploads(each)
    n, m = await office.node("n"), await office.node("m")
    for each in ("a", "b"):
        await office.order(each, "n")
    await n.beats()
    await office.policies.set_policy("n", Takeover.MOVE, None)
    await office.order.keep_policy("b", Takeover.WAIT)
    await office.passes(80)
    await m.beats()
    await office.silent()
    assert await office.stands("a") == ("assigned", "n", 1, None), "not yet: it may be restarting"
    await office.passes(20)
    await m.beats()
    await office.silent()
    await office.silent()
    assert await office.stands("a") == ("assigned", "m", 2, None)
    assert await office.stands("b") == ("assigned", "n", 1, None)


async def test_accounts_that_shall_move_and_have_no_place_say_why(office: Office) -> None:
    """They would be down with nothing but a line in a log, and the operator would take the policy for done."""
    await office.uploads("a")
    n = await office.node("n", "b", "c")
    await office.order("a", "n")
    for _ in range(2):
        await n.beats()
    await office.order.keep_policy("c", Takeover.WAIT)
    await office.policies.set_policy("n", Takeover.MOVE, None)
    assert await office.stranded() == {}
    await office.passes(100)
    await office.silent()
    shown = await office.stranded()
    assert sorted(shown) == ["a", "b"]
    assert shown["a"].endswith("no place: no other node takes accounts: one must be online, enrolled, not draining "
                               "and have room")  # fmt: skip
    assert "its login is on that node alone" in shown["b"]
    await office.node("m")
    assert sorted(await office.stranded()) == ["b"], "the next sweep moves it"


async def test_a_drained_node_is_emptied_as_far_as_there_is_room(office: Office) -> None:
    """A machine that is to be switched off would take its accounts with it, or fill another one beyond its size."""
    accounts = ["a", "b", "c"]
    n = await office.node("n", *accounts, labels={"site": "x", "rack": "1"})
    m = await office.node("m", labels={"site": "x"})
    o = await office.node("o", labels={"site": "y"})
    await office.policies.set_policy("m", Takeover.WAIT, 2)
    progress = await office.policies.drain("n", ("site",))
    assert isinstance(progress, DrainView)
    assert (progress.assigned, progress.leaving) == (1, 2)
    (left,) = progress.without_place
    assert (left.account_id, "1 nodes that take accounts has site=x" in left.reason) == ("c", True), left.reason
    assert isinstance(await office.order("d", "n"), Unassignable)
    for agent in (n, n, m):
        await agent.beats()
    assert sorted(m.runs) == ["a", "b"]
    await office.policies.set_policy("m", Takeover.WAIT, None)
    await office.empty()
    for agent in (n, n, m, o):
        await agent.beats()
    assert (sorted(m.runs), o.runs) == (accounts, {})
    done = await office.policies.progress("n")
    assert isinstance(done, DrainView)
    assert (done.assigned, done.leaving, done.without_place) == (0, 0, [])
    back = await office.policies.undrain("n")
    assert isinstance(back, DrainView)
    assert not back.draining


@pytest.mark.parametrize(
    ("prepare", "account_id", "node_id", "slug"),
    [
        ("nothing", "a", "unknown", "unknown-node"),
        ("nothing", "unknown", "m", "unknown-account"),
        ("old agent", "a", "m", "node-takes-no-accounts"),
        ("old agent", "b", "n", "node-gives-nothing-back"),
        ("drain", "a", "m", "node-draining"),
        ("fill", "a", "m", "node-full"),
        ("not enrolled", "a", "x", "node-not-enrolled"),
        ("not enrolled", "c", "m", "node-not-enrolled"),
        ("no login", "a", "m", "no-login"),
    ],
)
async def test_orders_that_cannot_be_carried_out_are_refused(
    office: Office, prepare: str, account_id: str, node_id: str, slug: str
) -> None:
    """An operator would wait for something that never comes."""
    await office.uploads("a")
    await office.node("n")
    m = await office.node("m", "b")
    preparations: dict[str, Callable[[], Awaitable[object]]] = {
        "old agent": lambda: m.beats(assignments=None),
        "drain": lambda: office.policies.drain("m", ()),
        "fill": lambda: office.policies.set_policy("m", Takeover.WAIT, 1),
        "not enrolled": lambda: Agent(office, "x", "c").beats(),
        "no login": lambda: _lose_the_login(office),
    }
    if prepare in preparations:
        await preparations[prepare]()
    await office.told()
    outcome = await office.order(account_id, node_id)
    assert isinstance(outcome, Unassignable)
    assert outcome.slug == slug
    assert await office.told() == [], "and nothing has changed"


async def _lose_the_login(office: Office) -> None:
    n = Agent(office, "n")
    n.seq = 2
    await office.order("a", "n")
    await n.beats()
    await office.uploads("a", change="removed", day=2)
    await n.beats(gives=None)
    await n.beats(gives=None)
    assert await office.stands("a") == ("unassigned", None, 1, None)


async def test_the_same_order_again_changes_nothing(office: Office) -> None:
    """Who is not sure of an answer asks again: the account would restart each time."""
    await office.uploads("a")
    await office.node("n")
    await office.order("a", "n")
    await office.told()
    await office.order("a", "n")
    assert (await office.told(), await office.stands("a")) == ([], ("assigned", "n", 1, None))
    await office.order("a", None)
    await office.told()
    await office.order("a", None)
    assert (await office.told(), await office.stands("a")) == ([], ("releasing", "n", 1, None))


async def test_news_of_the_vault_are_taken_once(office: Office) -> None:
    """A new login could not be assigned; a repeated announcement would restart accounts."""
    await office.uploads("a")
    assert await office.stands("a") == ("unassigned", None, 0, None)
    assert await office.told() == ["announced a"]
    await office.uploads("a", change="announced", day=2)
    await office.node("n")
    await office.order("a", "n")
    await office.told()
    await office.uploads("a", NEWER, "chosen", day=3)
    assert await office.stands("a") == ("releasing", "n", 1, "n")
    assert await office.told() == ["releasing a", "set n"]
    await office.uploads("a", NEWER, "chosen", day=3)
    await office.uploads("a", HASH, "removed", day=2)
    assert await office.told() == []


async def test_every_assignment_is_announced(office: Office, subject: Subject) -> None:
    """A reader that missed a change would believe the old one for ever."""
    await office.node("n", "a", "b")
    await office.told()
    await office.announce()
    assert await office.told() == ["announced a", "announced b"]


async def test_a_registry_that_was_restored_goes_on_above_what_nodes_know(office: Office) -> None:
    """Nodes take only higher numbers: none would ever start anything again."""
    n = Agent(office, "n", "a")
    n.set = AssignAccounts(node_id="n", revision=70)
    await n.beats()
    assert (n.goes_by.revision, n.runs) == (71, {"a": 0})


async def test_assignments_are_listed_by_node(office: Office) -> None:
    """What a node is to get would be missed."""
    await office.node("n", "a")
    await office.node("m", "b")
    await office.order("a", "m")
    page = await office.store.assignment_page(AssignmentQuestion(node_id="m"), "", 10)
    assert [view.account_id for view in page] == ["a", "b"]


async def test_a_stale_beat_gives_nothing_back(office: Office) -> None:
    """A beat that was overtaken would undo what a newer one has said."""
    n = await office.node("n", "a")
    await office.node("m")
    await office.order("a", "m")
    await n.beats()
    late = n.seq
    word = [ReleasedAccount(account_id="a", epoch=0)]
    stale = n.beat(account("a", epoch=0), assignments=n.goes_by, released=word, seq=late - 1)
    await office.takes_together(stale)
    assert await office.stands("a") == ("releasing", "n", 0, "m")


async def test_a_login_that_its_node_cannot_hand_over_stays_when_it_is_drained(office: Office) -> None:
    """A node that has not joined has no key of the vault's: its accounts would be taken from it and run nowhere."""
    lonely = Agent(office, "n", "a")
    await lonely.beats()
    await office.node("m")
    progress = await office.policies.drain("n", ())
    assert isinstance(progress, DrainView)
    (left,) = progress.without_place
    assert (progress.leaving, "is not enrolled" in left.reason) == (0, True)
