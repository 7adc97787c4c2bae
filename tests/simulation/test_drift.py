"""A whole fleet that loses what was verified on it: seen, shown, and brought back or left to the operator."""

from collections.abc import Awaitable, Callable

import pytest

from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.drift import DriftChanged
from tests.simulation.checks import problems
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.machines import Machine
from tests.simulation.scripts import greeter

# A look at the files (30 s), a beat (10 s), the settling (15 s), an order and the next beat, with some room.
BACK_WITHIN = 90.0
# Longer than the longest pause between two repairs: what is silent for so long stays silent.
QUIET = 3700.0
# Longer than the pause after the first repair.
QUIET_AT_FIRST = 900.0
EDITED = greeter("hello", "edited by hand", 2).encode()


async def playing(fleet: SimulatedFleet, reply: str = "hi", **more: object) -> None:
    """Everybody plays a script that answers /hello with `reply`."""
    await fleet.push(greeter("hello", reply, len(fleet.machines)))
    await fleet.deploy("hello", **more)
    await fleet.run_for(15)
    assert await problems(fleet) == []


async def answers(fleet: SimulatedFleet, place: int) -> set[str]:
    """What the accounts of a machine answer now."""
    before = len(fleet.telegram.said)
    fleet.say(place, "/hello")
    await fleet.run_for(5)
    return {said.text for said in fleet.telegram.said[before:] if said.sender_id != 1}


def orders(fleet: SimulatedFleet) -> list[DeliverArtifact]:
    """Every order."""
    return [message for message in fleet.orders.everything if isinstance(message, DeliverArtifact)]


def news(fleet: SimulatedFleet) -> list[str]:
    """What was announced of drift."""
    return [message.change.value for message in fleet.orders.everything if isinstance(message, DriftChanged)]


async def edited(machine: Machine) -> None:
    """Somebody edits the file on the node."""
    machine.scripts["hello"] = EDITED


async def deleted(machine: Machine) -> None:
    """Somebody deletes it."""
    del machine.scripts["hello"]


async def edited_and_restarted(machine: Machine) -> None:
    """The agent is started again and does not load what was edited."""
    await machine.kill()
    machine.scripts["hello"] = EDITED
    machine.start()


async def reinstalled(machine: Machine) -> None:
    """A new disk, the same node id."""
    await machine.kill(wipe=True)
    machine.start()


@pytest.mark.parametrize("damage", [edited, deleted, edited_and_restarted, reinstalled])
async def test_what_a_node_loses_comes_back_by_itself(damage: Callable[[Machine], Awaitable[None]]) -> None:
    """Somebody would have to notice, and push again."""
    async with SimulatedFleet(nodes=2, accounts=2) as fleet:
        await fleet.run_for(10)
        await playing(fleet)
        kept = dict(fleet.machines[0].scripts)
        await damage(fleet.machines[0])
        await fleet.run_for(1)
        took = await fleet.until(lambda: not_back(fleet, kept), within=BACK_WITHIN)
        assert took > 10
        assert await answers(fleet, 0) == {"hi"}
        assert news(fleet) == ["found", "repaired"]
        assert [order.attempt for order in orders(fleet)] == [1, 1, 2]
        await fleet.run_for(QUIET_AT_FIRST)
        assert len(orders(fleet)) == 3


async def not_back(fleet: SimulatedFleet, kept: dict[str, bytes]) -> list[str]:
    """What is still wrong; it was found before it was mended."""
    missing = [] if fleet.machines[0].scripts == kept else ["the file is not as it was"]
    return missing + ([] if "repaired" in news(fleet) else ["nothing was told"]) + await problems(fleet)


async def test_two_scripts_come_back_to_a_reinstalled_node_with_their_accounts() -> None:
    """The one that comes last would take all accounts, whichever was ordered last."""
    async with SimulatedFleet(nodes=1, accounts=3) as fleet:
        await fleet.run_for(10)
        await playing(fleet)
        await fleet.push(greeter("other", "ho", 1))
        await fleet.deploy("other", bind=["n0-a1"])
        await fleet.run_for(15)
        assert await answers(fleet, 0) == {"hi", "ho"}
        await reinstalled(fleet.machines[0])
        await fleet.run_for(BACK_WITHIN)
        assert await problems(fleet) == []
        played = {account.account_id: account.script_id for account in await fleet.accounts()}
        assert played == {"n0-a0": "hello", "n0-a1": "other", "n0-a2": "hello"}


async def test_a_node_from_an_old_image_gets_the_newest_order_back() -> None:
    """It would play yesterday's script, and count as verified."""
    async with SimulatedFleet(nodes=2, accounts=2) as fleet:
        await fleet.run_for(10)
        await playing(fleet, "old")
        machine = fleet.machines[0]
        image = machine.image()
        await playing(fleet, "new")
        await machine.kill()
        machine.restore(image)
        machine.start()
        await fleet.run_for(12)
        assert await answers(fleet, 0) == {"old"}
        await fleet.run_for(BACK_WITHIN)
        assert await problems(fleet) == [] and await answers(fleet, 0) == {"new"}
        assert news(fleet) == ["found", "repaired"]


@pytest.mark.parametrize("settled", ["adopt", "overwrite"])
async def test_a_deployer_with_an_older_database_shows_what_is_newer_and_leaves_it(settled: str) -> None:
    """A restored backup would roll the fleet back to what it remembers."""
    async with SimulatedFleet(nodes=2, accounts=2) as fleet:
        await fleet.run_for(10)
        await playing(fleet, "old")
        backup = fleet.deployer_store._tables.copy()
        await playing(fleet, "new")
        await fleet.push(greeter("stranger", "who?", 2))
        await fleet.deploy("stranger", fleet.machines[1], bind=None)
        await fleet.run_for(15)
        await fleet.deployer.stop()
        fleet.deployer_store._tables = backup
        fleet.deployer.start()
        sent = len(orders(fleet))
        await fleet.run_for(QUIET_AT_FIRST)
        assert len(orders(fleet)) == sent
        shown = [(each["node_id"], each["script_id"], each["state"]) for each in await fleet.drift()]
        assert shown == [("n0", "hello", "newer"), ("n1", "hello", "newer"), ("n1", "stranger", "newer")]
        assert await answers(fleet, 0) == {"new"}
        if settled == "adopt":
            refused = await fleet.settle(fleet.machines[0], "hello", "adopt", 409)
            assert "push that script again" in refused["detail"]
            await fleet.push(greeter("hello", "new", 2))
        for machine in fleet.machines:
            await fleet.settle(machine, "hello", settled)
        await fleet.run_for(60)
        assert [each["script_id"] for each in await fleet.drift()] == ["stranger"]
        assert await answers(fleet, 0) == {"new" if settled == "adopt" else "old"}
        # Whichever was chosen is desired from now on like everything else.
        await deleted(fleet.machines[0])
        await fleet.run_for(BACK_WITHIN)
        assert (
            fleet.machines[0].scripts["hello"] == greeter("hello", "new" if settled == "adopt" else "old", 2).encode()
        )
        await playing_again(fleet)


async def playing_again(fleet: SimulatedFleet) -> None:
    """A new deployment goes out as ever, to the nodes that were ahead, too."""
    await fleet.push(greeter("hello", "newest", 2))
    await fleet.deploy("hello")
    await fleet.run_for(15)
    assert await answers(fleet, 0) == {"newest"}


async def test_a_policy_to_report_leaves_the_node_alone() -> None:
    """An edit that somebody made on purpose would be undone."""
    async with SimulatedFleet(nodes=1, accounts=1) as fleet:
        await fleet.run_for(10)
        await playing(fleet, rollout={"drift": "report"})
        await edited(fleet.machines[0])
        await fleet.run_for(QUIET_AT_FIRST)
        assert fleet.machines[0].scripts["hello"] == EDITED
        [shown] = await fleet.drift()
        assert (shown["state"], shown["kind"], shown["policy"]) == ("drifted", "altered", "report")
        assert (len(orders(fleet)), news(fleet)) == (1, ["found"])
        await fleet.settle(fleet.machines[0], "hello", "overwrite")
        await fleet.run_for(30)
        assert await fleet.drift() == [] and fleet.machines[0].scripts["hello"] != EDITED


async def test_a_tool_on_the_node_that_puts_its_own_file_back_is_not_fought_for_ever() -> None:
    """Two automatons would undo each other until somebody looks at the bill."""
    async with SimulatedFleet(nodes=1, accounts=1) as fleet:
        await fleet.run_for(10)
        await playing(fleet)
        began = fleet.clock.monotonic()
        while "given_up" not in news(fleet):
            assert fleet.clock.monotonic() - began < 4 * 3600
            await edited(fleet.machines[0])
            await fleet.run_for(120)
        await edited(fleet.machines[0])
        await fleet.run_for(QUIET)
        assert len(orders(fleet)) == 1 + 10
        [shown] = await fleet.drift()
        assert shown["state"] == "given_up" and "10 repairs did not help" in shown["reason"]
        assert news(fleet).count("given_up") == 1


async def test_a_broker_that_loses_its_disk_loses_no_drift_and_no_repair() -> None:
    """Desired state is in the database; the messages about it are worth nothing."""
    async with SimulatedFleet(nodes=3, accounts=1) as fleet:
        await fleet.run_for(10)
        await playing(fleet)
        for machine in fleet.machines:
            await reinstalled(machine)
        await fleet.run_for(14)
        fleet.broker.go_down()
        fleet.broker.lose_disk()
        await fleet.run_for(20)
        fleet.broker.come_up()
        await fleet.until(lambda: problems(fleet), within=180)
        assert {artifact.hash for artifact in await everything(fleet)} == {orders(fleet)[0].artifact.hash}


async def everything(fleet: SimulatedFleet) -> list[Artifact]:
    """What all nodes have."""
    return [artifact for machine in fleet.machines for artifact in await machine.artifacts()]
