"""What a whole fleet promises, each promise alone."""

import pytest

from services.registry.domain.views import AccountView
from shared.contracts.contract import Contract
from shared.contracts.deployments import DeliveryState
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease
from tests.simulation.checks import problems, undelivered
from tests.simulation.fleet import LEASE_SECONDS, SimulatedFleet
from tests.simulation.machines import Machine
from tests.simulation.scripts import greeter


async def test_a_fleet_comes_online_and_verifies_a_script() -> None:
    """Without this nothing works: agents report, accounts connect, a script goes out and every node runs it."""
    async with SimulatedFleet(nodes=5, accounts=3) as fleet:
        await fleet.run_for(10)
        assert statuses(await fleet.accounts()) == ["online"] * 15
        await fleet.push(greeter("hello", "hi", 5))
        await fleet.deploy("hello")
        await fleet.run_for(5)
        assert [delivery.state for delivery in await fleet.deliveries()] == [DeliveryState.VERIFIED] * 5
        assert {account.script_id for account in await fleet.accounts()} == {"hello"}
        fleet.say(0, "/hello")
        await fleet.run_for(15)
        assert [account.reply_count for account in await fleet.accounts("n0")] == [1, 1, 1]
        assert await problems(fleet) == []


async def test_a_node_that_is_cut_off_hangs_up_in_time_and_comes_back_by_itself() -> None:
    """A session could be live on two nodes; or a node that was away would need somebody's hand."""
    async with SimulatedFleet(nodes=2, accounts=3) as fleet:
        away = fleet.machines[0]
        await with_a_script(fleet)
        away.cut()
        # That nobody is live when the lease ends is looked at in every moment, by the guarded Telegram.
        await fleet.run_for(fleet.lease_left(away.node_id))
        assert live(fleet, away) == []
        fleet.say(0, "/hello")
        await fleet.run_for(LEASE_SECONDS)
        assert (await fleet.node("n0")).status is NodeStatus.OFFLINE
        assert {account.status for account in await fleet.accounts("n0")} == {"offline"}
        assert "node n0 is offline since" in ((await fleet.accounts("n0"))[0].status_reason or "")
        assert statuses(await fleet.accounts("n1")) == ["online"] * 3
        assert replies(fleet) == []
        away.mend()
        assert await fleet.until(lambda: problems(fleet), within=30) <= 30
        assert replies(fleet) == ["hi"] * 3


@pytest.mark.parametrize(("lost", "shown"), [(HeartbeatReported, NodeStatus.OFFLINE), (GrantLease, NodeStatus.ONLINE)])
async def test_a_node_that_is_cut_off_in_one_direction_hangs_up_too(lost: type[Contract], shown: NodeStatus) -> None:
    """A node would trust in a lease that it only asked for, or in one that nobody knows it has."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        await fleet.run_for(20)
        fleet.broker.lose = lambda message: isinstance(message, lost)
        await fleet.run_for(2 * LEASE_SECONDS)
        assert live(fleet, fleet.machines[0]) == []
        assert (await fleet.node("n0")).status is shown
        fleet.broker.lose = lambda _: False
        await fleet.until(lambda: problems(fleet), within=60)


async def test_a_machine_that_slept_says_nothing_when_it_wakes() -> None:
    """A laptop that was closed for an hour would answer with a session that may have moved."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        laptop = fleet.machines[0]
        await with_a_script(fleet)
        laptop.clock.pause()
        await fleet.run_for(3600)
        fleet.say(0, "/hello")
        laptop.cut()
        laptop.clock.resume()
        await fleet.run_for(0)
        assert live(fleet, laptop) == []
        assert replies(fleet) == []
        laptop.mend()
        await fleet.until(lambda: problems(fleet), within=60)
        # Now that it may, it answers what it heard a moment ago.
        assert replies(fleet) == ["hi"] * 2
        fleet.say(0, "/hello")
        await fleet.run_for(5)
        assert replies(fleet) == ["hi"] * 4


async def test_a_registry_that_was_away_for_long_declares_dead_only_who_is() -> None:
    """Every restart of the registry would show a healthy fleet as offline, and a dead node perhaps never."""
    async with SimulatedFleet(nodes=4, accounts=1) as fleet:
        late, dead = fleet.machines[2], fleet.machines[3]
        await fleet.run_for(20)
        await fleet.registry.stop()
        late.cut()
        await dead.kill()
        await fleet.run_for(1800)
        fleet.registry.start()
        await fleet.run_for(25)
        assert offline(fleet) == []
        late.mend()
        await fleet.run_for(60)
        assert offline(fleet) == ["n3"]
        assert statuses(await fleet.accounts()) == ["online", "online", "online", "offline"]


async def test_a_second_agent_with_the_same_node_id_takes_over_and_the_older_stops() -> None:
    """Two machines with one name would both run, and each would undo what is shown of the other."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        older, newer = fleet.machines[0], fleet.add_machine("n0", ["b0", "b1"])
        await fleet.run_for(20)
        newer.start()
        await fleet.until(lambda: not_taken_over(fleet, older, newer), within=120)
        await fleet.run_for(600)
        assert await not_taken_over(fleet, older, newer) == []
        assert [account.account_id for account in await fleet.accounts()] == newer.accounts


async def test_a_script_for_a_node_id_that_two_agents_use_goes_to_the_one_that_runs() -> None:
    """The older agent would take orders from the queue they share, and its word would count for the newer one."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        older, newer = fleet.machines[0], fleet.add_machine("n0", ["b0", "b1"])
        await fleet.run_for(20)
        newer.start()
        await fleet.until(lambda: not_taken_over(fleet, older, newer), within=120)
        for script_id in ("first", "second", "third"):
            await fleet.push(greeter(script_id, "hi", 2))
            await fleet.deploy(script_id)
        await fleet.until(lambda: undelivered(fleet, [newer]), within=30)
        assert await older.artifacts() == []


async def with_a_script(fleet: SimulatedFleet) -> None:
    """Everybody plays a script that answers /hello with hi."""
    await fleet.run_for(10)
    await fleet.push(greeter("hello", "hi", len(fleet.machines)))
    await fleet.deploy("hello")
    await fleet.run_for(15)
    assert await problems(fleet) == []


async def not_taken_over(fleet: SimulatedFleet, older: Machine, newer: Machine) -> list[str]:
    """What is missing until the newer agent's accounts alone are live, and the older agent knows why its are not."""
    alive = live(fleet, older) + live(fleet, newer)
    known = older.status.last is not None and older.status.last.lease == "refused"
    return ([] if alive == newer.accounts else [f"live are {alive}"]) + ([] if known else ["the older is not refused"])


def live(fleet: SimulatedFleet, machine: Machine) -> list[str]:
    """The machine's accounts that are connected to Telegram."""
    return [account for account in machine.accounts if fleet.telegram.connected(account)]


def replies(fleet: SimulatedFleet) -> list[str]:
    """What accounts have said."""
    return [said.text for said in fleet.telegram.said if said.sender_id != 1]


def statuses(accounts: list[AccountView]) -> list[str]:
    """The shown states."""
    return [account.status.value for account in accounts]


def offline(fleet: SimulatedFleet) -> list[str]:
    """The nodes that were declared offline."""
    return [
        message.node_id
        for message in fleet.facts.everything
        if isinstance(message, NodeObserved) and message.change == "offline"
    ]
