"""The use cases of the intake, on both stores: what is recorded, what is told, what the node is answered."""

import pytest

from services.registry.domain.lease import Granted, Outcome, Recorded, Refused, Superseded, Unrecordable
from services.registry.domain.views import AccountPlace, AccountQuestion
from services.registry.use_cases.announce_nodes import AnnounceNodes
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.record_account_changes import RecordAccountChanges
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.settle_reports import SettleReports
from shared.clock import VirtualClock
from shared.contracts.assignments import AssignmentChanged
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsChanged, NodeObserved
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import OTHER_LEDGER, PATIENCE, account, beat, change


class Intake:
    """The use cases on a store."""

    def __init__(self, subject: Subject) -> None:
        clock = VirtualClock()
        health = IntakeHealth(clock, lambda: True, lambda: 0)
        settle = SettleReports(PATIENCE)
        self.beats = RecordHeartbeats(subject.store, health, settle, clock, 30, lambda: None)
        self.changes = RecordAccountChanges(subject.store, settle, clock, lambda: None)
        self.announce = AnnounceNodes(subject.store, clock, lambda: None)
        self._subject = subject

    async def grants(self, *beats: HeartbeatReported) -> list[GrantLease]:
        """The leases of beats that must all get one."""
        outcomes = await self.beats(beats)
        assert all(isinstance(outcome, Granted) for outcome in outcomes)
        return [outcome.grant for outcome in outcomes if isinstance(outcome, Granted)]

    async def accounts(self) -> dict[str, tuple[str, int]]:
        """The accounts of all nodes: the reported status as shown, and the counter."""
        rows = await self._subject.store.accounts(AccountQuestion(), AccountPlace(), 100)
        return {row.account_id: (row.status.value, row.message_count) for row in rows}

    async def told(self) -> list[str]:
        """What the outbox has of nodes and accounts, in short; it is empty afterwards."""
        sent = await self._subject.take_sent()
        return [_short(message) for message in sent if not isinstance(message, AssignmentChanged)]


def _short(message: Contract) -> str:
    if isinstance(message, NodeObserved):
        return f"{message.change} {message.node_id}"
    assert isinstance(message, AccountsChanged)
    names = [report.account_id for report in message.accounts] + [f"-{each}" for each in message.removed]
    return f"accounts {message.node_id}: {' '.join(names)}"


@pytest.fixture
def intake(subject: Subject) -> Intake:
    """The intake on the store under test."""
    return Intake(subject)


async def test_a_node_reports_then_reports_differences(intake: Intake) -> None:
    """The path of every beat: rows, one event for each real change, a lease for each beat."""
    (grant,) = await intake.grants(beat(1, account("a"), account("b")))
    assert (grant.seq, grant.seconds, grant.full_report) == (1, 30, False)
    assert await intake.told() == ["online n", "accounts n: a b"]
    await intake.grants(beat(2, account("a", message_count=5), base=1, account_count=2))
    assert await intake.told() == []
    await intake.grants(beat(3, account("a", status="error", message_count=6), base=2, removed=["b"], account_count=1))
    assert await intake.told() == ["changed n", "accounts n: a -b"]
    assert await intake.accounts() == {"a": ("error", 6)}


async def test_counters_that_rose_are_in_the_outcome(intake: Intake) -> None:
    """The event stream would show counters that stand still."""
    await intake.grants(beat(1, account("a"), account("b")))
    (outcome,) = await intake.beats([beat(2, account("a", message_count=5), account("b", status="error"), base=1)])
    assert isinstance(outcome, Granted)
    assert [report.account_id for report in outcome.counted] == ["a"]


async def test_several_beats_of_a_node_get_one_answer(intake: Intake) -> None:
    """A registry that is behind would make itself more work with leases that nobody needs any more."""
    beats = [beat(1, account("a")), beat(3, account("a"), base=1), beat(2, account("a"), base=1), beat(9, boot=0)]
    outcomes = await intake.beats(beats)
    assert [type(outcome) for outcome in outcomes] == [Superseded, Granted, Superseded, Refused]


async def test_a_difference_to_an_unknown_state_changes_no_account(intake: Intake) -> None:
    """A difference applied to the wrong state makes a state that the node was never in."""
    await intake.grants(beat(1, account("a"), account("b")))
    (grant,) = await intake.grants(beat(3, account("a", message_count=7), base=2))
    assert grant.full_report
    assert (await intake.accounts())["a"] == ("online", 0)
    (grant,) = await intake.grants(beat(4, account("a", message_count=7)))
    assert not grant.full_report
    assert await intake.accounts() == {"a": ("online", 7)}


async def test_an_older_start_is_refused_and_writes_nothing(intake: Intake) -> None:
    """Two agents with one name would overwrite each other's accounts in turn."""
    await intake.grants(beat(1, account("a"), boot=2))
    (outcome,) = await intake.beats([beat(9, account("b"), boot=1)])
    assert isinstance(outcome, Refused)
    assert outcome.refusal.newest_boot == 2
    assert await intake.accounts() == {"a": ("online", 0)}


async def test_one_unrecordable_beat_does_not_take_the_others_with_it(intake: Intake, subject: Subject) -> None:
    """A hand-written number that no column holds would dead-letter the beats of a hundred healthy nodes."""
    poison = beat(2**70, account("a"), node_id="poison")
    outcomes: list[Outcome] = await intake.beats([beat(1, account("a")), poison, beat(1, node_id="m")])
    kinds = [type(outcome) for outcome in outcomes]
    assert (kinds[0], kinds[2]) == (Granted, Granted)
    assert kinds[1] in (Granted, Unrecordable)  # memory holds any number
    assert await subject.store.node("m") is not None


async def test_a_change_makes_its_node_known(intake: Intake, subject: Subject) -> None:
    """A change that overtakes the first beat would be lost."""
    assert await intake.changes([change(1, account("a", status="error"))]) == [Recorded()]
    assert await intake.told() == ["accounts n: a"]
    node = await subject.store.node("n")
    assert node is not None
    assert node.status == "offline"
    (grant,) = await intake.grants(beat(2, account("a", status="error")))
    assert grant.changes_through == 1
    assert await intake.told() == ["online n"]


async def test_changes_are_recorded_once_and_confirmed_to_the_first_hole(intake: Intake) -> None:
    """A change that the broker lost would never be sent again, or a repeated one counted twice."""
    await intake.grants(beat(1, account("a")))
    await intake.changes([change(3, account(message_count=3)), change(1), change(1)])
    (grant,) = await intake.grants(beat(2, base=1))
    assert grant.changes_through == 1
    await intake.changes([change(2, account(message_count=2)), change(3, account(message_count=9))])
    (grant,) = await intake.grants(beat(3, base=2))
    assert grant.changes_through == 3
    assert await intake.accounts() == {"a": ("online", 3)}


async def test_a_late_change_does_not_undo_a_newer_beat_nor_revive_an_account(intake: Intake) -> None:
    """An account that has recovered would be shown in error, one that has left would come back."""
    await intake.grants(beat(5, account("a", message_count=5)))
    await intake.told()
    await intake.changes([change(1, account("a", status="error")), change(2, account("gone"))])
    assert await intake.accounts() == {"a": ("online", 5)}
    assert await intake.told() == []


async def test_a_change_after_the_newest_beat_does_not_wait_for_the_next(intake: Intake) -> None:
    """An account that fails would be shown online until the next beat."""
    await intake.grants(beat(5, account("a")))
    await intake.told()
    await intake.changes([change(1, account("a", status="error"), seq=5), change(2, account("new"), seq=5)])
    assert await intake.told() == ["accounts n: a new"]
    assert await intake.accounts() == {"a": ("error", 0), "new": ("online", 0)}


async def test_a_new_ledger_is_confirmed_by_its_own_numbers(intake: Intake) -> None:
    """An agent that lost its disk would be told to drop changes of its new ledger."""
    await intake.grants(beat(1, account("a")))
    await intake.changes([change(1), change(2), change(3)])
    await intake.changes([change(1, ledger_id=OTHER_LEDGER, boot=2, seq=0)])
    (grant,) = await intake.grants(beat(1, account("a"), boot=2, ledger_id=OTHER_LEDGER))
    assert (grant.ledger_id, grant.changes_through) == (OTHER_LEDGER, 1)


async def test_a_large_change_is_told_in_pieces(intake: Intake) -> None:
    """One message of thousands of accounts would exceed what readers and the broker bear."""
    await intake.grants(beat(1, *(account(f"a{number}") for number in range(2500))))
    told = [line for line in await intake.told() if line.startswith("accounts")]
    assert [len(line.split()) - 2 for line in told] == [1000, 1000, 500]


async def test_every_node_is_announced(intake: Intake) -> None:
    """A deployer that missed an event would never hear of that node again."""
    await intake.grants(beat(1), beat(1, node_id="m"))
    await intake.told()
    await intake.announce()
    assert await intake.told() == ["announced m", "announced n"]
