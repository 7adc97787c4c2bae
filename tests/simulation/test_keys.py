"""The signing key changes while a fleet goes on working, and nobody has to be let in again."""

from services.deployer.domain.signing_keys import OVERLAP
from shared.contracts.deployments import DeliveryState
from tests.simulation.checks import problems
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.scripts import greeter

KEYS = "/api/v1/group-ai/keys"


async def test_a_rotation_leaves_every_node_taking_orders() -> None:
    """A node that was away, or a deployer that was killed in between, would end with orders that nobody takes."""
    async with SimulatedFleet(nodes=3, accounts=1) as fleet:
        await fleet.run_for(10)
        first = fleet.machines[0].kept.kept[-1].signing[0].key_id
        away = fleet.machines[2]
        away.cut()
        await fleet.run_for(60)
        await fleet._post(f"{KEYS}/rotate", 200)
        await fleet.run_for(5)
        await fleet.deployer.stop()
        fleet.machines[1].cut()
        await fleet.run_for(5)
        fleet.deployer.start()
        fleet.machines[1].mend()
        await fleet.run_for(60)
        await fleet.push(greeter("hello", "hi", 5))
        await fleet.deploy("hello", *fleet.machines[:2])
        await fleet.run_for(10)
        assert [delivery.state for delivery in await fleet.deliveries()] == [DeliveryState.VERIFIED] * 2
        await fleet.run_for(OVERLAP.total_seconds() + 60)
        assert [machine.kept.kept[-1].serial for machine in fleet.machines] == [3, 3, 1]
        assert first not in {key.key_id for key in fleet.machines[0].kept.kept[-1].signing}
        away.mend()
        await fleet.run_for(60)
        assert away.kept.kept[-1] == fleet.machines[0].kept.kept[-1]
        await fleet.push(greeter("hello", "ho", 5))
        await fleet.deploy("hello")
        await fleet.until(lambda: problems(fleet), within=60)
        assert {delivery.state for delivery in await fleet.deliveries()} <= {
            DeliveryState.VERIFIED,
            DeliveryState.SUPERSEDED,
        }
