"""Agents that hang, in virtual time: whatever they hang in, their accounts are live no longer than their lease."""

from tests.simulation.checks import problems
from tests.simulation.fleet import LEASE_SECONDS, SimulatedFleet
from tests.simulation.test_fleet import live, replies, statuses, with_a_script


async def test_an_agent_that_is_stopped_ends_with_its_lease_and_comes_back() -> None:
    """A process under SIGSTOP would hold its sockets while its accounts start elsewhere."""
    async with SimulatedFleet(nodes=2, accounts=2) as fleet:
        hung = fleet.machines[0]
        await with_a_script(fleet)
        hung.stop_process()
        # That nobody is live when the lease has ended is looked at in every moment, by the guarded Telegram.
        await fleet.run_for(LEASE_SECONDS)
        assert hung.ended_by_deadman == 1
        fleet.say(0, "/hello")
        await fleet.until(lambda: problems(fleet), within=60)
        assert live(fleet, hung) == hung.accounts
        await fleet.run_for(5)
        assert replies(fleet) == ["hi"] * 2


async def test_an_agent_that_is_let_go_in_time_goes_on() -> None:
    """Every debugger and every short freeze would cost the accounts their connections."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        hung = fleet.machines[0]
        await with_a_script(fleet)
        hung.stop_process()
        await fleet.run_for(LEASE_SECONDS / 3)
        hung.continue_process()
        await fleet.run_for(60)
        assert hung.ended_by_deadman == 0
        assert statuses(await fleet.accounts()) == ["online", "online"]
        assert fleet.telegram.connects == dict.fromkeys(hung.accounts, 1)


async def test_a_machine_that_slept_wakes_without_its_agent() -> None:
    """It would wake with its sockets open, and hear and answer beside whoever has taken over."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        laptop = fleet.machines[0]
        await with_a_script(fleet)
        laptop.clock.pause()
        await fleet.run_for(600)
        assert laptop.ended_by_deadman == 0 and live(fleet, laptop) == laptop.accounts
        laptop.clock.resume()
        assert laptop.ended_by_deadman == 1 and live(fleet, laptop) == []
        await fleet.until(lambda: problems(fleet), within=60)


async def test_an_agent_that_has_hung_up_by_itself_is_left_alone() -> None:
    """A node that is cut off would be restarted again and again for nothing."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        away = fleet.machines[0]
        await with_a_script(fleet)
        away.cut()
        await fleet.run_for(300)
        assert away.ended_by_deadman == 0 and away.runs and live(fleet, away) == []
