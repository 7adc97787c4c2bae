"""When the registry may call a node offline: only after a whole lease of healthy intake."""

import contextlib

import pytest

from services.registry.domain.lease import Granted
from services.registry.domain.verdicts import Allowed, IntakeSample, Suspended, Verdicts
from services.registry.store.in_memory import InMemoryStore
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.settle_reports import SettleReports
from services.registry.use_cases.sweep_leases import SweepLeases
from shared.clock import VirtualClock
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.messaging import Unavailable
from tests.unit.registry.builders import PATIENCE, beat


def healthy(at: float) -> IntakeSample:
    """A sample of an intake that is well."""
    return IntakeSample(at=at, consuming=True, backlog=0, last_batch_failed=False)


SICK = {
    "not consuming": IntakeSample(at=50, consuming=False, backlog=0, last_batch_failed=False),
    "behind": IntakeSample(at=50, consuming=True, backlog=100_000, last_batch_failed=False),
    "failing": IntakeSample(at=50, consuming=True, backlog=0, last_batch_failed=True),
    "stuck": IntakeSample(at=50, consuming=True, backlog=0, last_batch_failed=False, busy_seconds=20),
}


def watch(verdicts: Verdicts, start: int, end: int) -> list[Allowed | Suspended]:
    """A healthy sample every two seconds."""
    return [verdicts.consider(healthy(at)) for at in range(start, end, 2)]


def test_a_registry_that_has_just_started_calls_nobody_offline() -> None:
    """A restart of the registry would declare every node dead whose beat came while it was away."""
    seen = watch(Verdicts(35, 10), 0, 40)
    assert all(isinstance(each, Suspended) for each in seen[:18])
    assert all(isinstance(each, Allowed) for each in seen[18:])


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK.keys())
def test_one_sick_moment_suspends_for_a_whole_lease(sick: IntakeSample) -> None:
    """An overloaded registry would declare a healthy fleet dead as soon as it breathes again."""
    verdicts = Verdicts(35, 10)
    assert isinstance(watch(verdicts, 0, 50)[-1], Allowed)
    assert isinstance(verdicts.consider(sick), Suspended)
    assert all(isinstance(each, Suspended) for each in watch(verdicts, 52, 86))
    assert isinstance(verdicts.consider(healthy(88)), Allowed)


def test_a_gap_in_the_watch_suspends() -> None:
    """A process that was stopped for a minute would judge by leases that nobody could renew."""
    verdicts = Verdicts(35, 10)
    watch(verdicts, 0, 50)
    assert isinstance(verdicts.consider(healthy(110)), Suspended)


class Fleet:
    """A registry of one node in virtual time, swept every two seconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = InMemoryStore(self.clock)
        self.health = IntakeHealth(self.clock, lambda: True, lambda: 0)
        self.record = RecordHeartbeats(self.store, self.health, SettleReports(PATIENCE), self.clock, 30, lambda: None)
        verdicts = Verdicts(35, 10)
        self.sweep = SweepLeases(self.store, verdicts, self.health.sample, self.clock, lambda: None)
        self.seq = 0

    async def beat(self) -> None:
        """The node reports."""
        self.seq += 1
        (outcome,) = await self.record([beat(self.seq)])
        assert isinstance(outcome, Granted)

    async def pass_time(self, seconds: int) -> None:
        """Sweep for so long."""
        for _ in range(seconds // 2):
            await self.clock.run_for(2)
            await self.sweep()

    async def status(self) -> NodeStatus:
        """The node's status."""
        view = await self.store.node("n")
        assert view is not None
        return view.status


async def test_a_silent_node_goes_offline_and_everyone_is_told_once() -> None:
    """Accounts of a dead machine would be shown online for ever."""
    fleet = Fleet()
    await fleet.beat()
    await fleet.pass_time(60)
    assert await fleet.status() is NodeStatus.OFFLINE
    events = [event for event in fleet.store.sent if isinstance(event, NodeObserved)]
    assert [event.change for event in events] == ["online", "offline"]


async def test_an_outage_of_the_database_kills_no_node() -> None:
    """Leases run out while PostgreSQL is away; the nodes lived and beat again as soon as they could."""
    fleet = Fleet()
    for _ in range(5):
        await fleet.beat()
        await fleet.pass_time(10)
    fleet.store.fail_with = Unavailable("PostgreSQL is away")
    for _ in range(20):
        await fleet.clock.run_for(2)
        with contextlib.suppress(Unavailable):
            await fleet.beat()
        with contextlib.suppress(Unavailable):
            await fleet.sweep()
    fleet.store.fail_with = None
    await fleet.sweep()
    assert await fleet.status() is NodeStatus.ONLINE
    await fleet.beat()
    await fleet.pass_time(20)
    assert await fleet.status() is NodeStatus.ONLINE
