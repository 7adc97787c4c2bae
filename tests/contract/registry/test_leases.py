"""A lease in the registry's rows covers every grant that is out, because accounts are moved by it."""

from datetime import datetime, timedelta

from services.registry.domain.lease import Granted
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from shared.contracts.assignments import AssignAccounts
from tests.contract.registry.office import MARGIN, NOTHING, Agent, Office
from tests.unit.registry.builders import OTHER_LEDGER

# Longer than a beat takes through any store.
MOMENT = timedelta(seconds=5)


async def lease_until(office: Office) -> datetime:
    """The end of node n's lease."""
    view = await office.store.node("n")
    assert view is not None
    assert view.lease_until is not None
    return view.lease_until


def with_a_lease_of(office: Office, seconds: float) -> RecordHeartbeats:
    """The use case after a restart of the registry with another setting."""
    return RecordHeartbeats(
        office.store, office._record._health, office.settle, office.clock, seconds, lambda: None, MARGIN
    )


async def test_a_shorter_lease_does_not_end_one_that_is_out(office: Office) -> None:
    """A node would be believed silent that still runs, because the last, shorter grant to it got lost."""
    n = await office.node("n", "a")
    before = await lease_until(office)
    await with_a_lease_of(office, 10)([n.beat(seq=9)])
    assert await lease_until(office) >= before


async def test_a_stale_beat_is_covered_too(office: Office) -> None:
    """A beat that comes again after a restart with a longer lease would be granted more than the row has."""
    n = await office.node("n", "a")
    before = await lease_until(office)
    (outcome,) = await with_a_lease_of(office, 300)([n.beat(seq=1)])
    assert isinstance(outcome, Granted)
    assert outcome.grant.seconds == 300
    assert await lease_until(office) >= before + timedelta(seconds=270) - MOMENT


async def test_a_start_on_another_machine_waits_for_the_lease_of_the_one_before(office: Office) -> None:
    """Two machines with one name would both run what is assigned to it, for as long as a lease."""
    n = await office.node("n", "a")
    assert n.runs == {"a": 0}
    other = Agent(office, "n", "a")
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    assert (other.granted, other.set) == (NOTHING, None)
    await office.passes(30)
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    assert (other.granted, other.set) == (NOTHING, None), "its clock may be slow"
    await office.passes(MARGIN.total_seconds())
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    assert other.runs == {"a": 0}


async def test_what_a_held_node_says_it_gave_back_counts_for_nothing(office: Office) -> None:
    """The account would be moved on the word of a machine that never ran it, while the other one does."""
    await office.node("n", "a")
    await office.node("m")
    await office.uploads("a")
    await office.order("a", "m")
    other = Agent(office, "n", "a")
    told = [each for each in await office.subject.take_sent() if isinstance(each, AssignAccounts)]
    other.set = next(each for each in told if each.node_id == "n" and each.accounts and each.accounts[0].release)
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    assert other.released
    assert await office.stands("a") == ("releasing", "n", 0, "m")
    await office.passes(30 + MARGIN.total_seconds())
    await other.beats(boot=2, ledger_id=OTHER_LEDGER)
    assert await office.stands("a") == ("assigned", "m", 1, None)


async def test_a_restart_on_the_same_machine_waits_for_nothing(office: Office) -> None:
    """Every restart would keep accounts away for a lease; the folder's lock says that the older one is dead."""
    n = await office.node("n", "a")
    again = Agent(office, "n", "a")
    await again.beats(boot=2)
    await again.beats(boot=2)
    assert again.runs == n.runs == {"a": 0}
