"""Every state of a delivery and of a deployment that is not final ends by a timer, with every message lost."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.domain.deliveries import Delivery
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliveryOutcome, DeliveryReported
from shared.contracts.deployments import FINAL_DEPLOYMENT_STATES, FINAL_STATES, DeliveryState, DeploymentState
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.scripts import greeter

GHOSTS = ["ghost-0", "ghost-1", "ghost-2"]
DEADLINE = 120
STEPS = {"receive_seconds": 20, "apply_seconds": 30, "verify_seconds": 40}


async def haunted(fleet: SimulatedFleet) -> None:
    """Nodes that are known to be online and that nobody will ever hear of again."""
    await fleet.run_for(5)
    await fleet.push(greeter("hello", "hi", 1))
    for node_id in GHOSTS:
        at = fleet.clock.now()
        facts = NodeFacts(labels={"site": "attic"})
        seen = NodeObserved(
            node_id=node_id, change="online", status=NodeStatus.ONLINE, boot=1, seq=1, node=facts, at=at
        )
        await fleet.broker.publish(seen)
    await fleet.run_for(1)


async def heard(fleet: SimulatedFleet, delivery: Delivery, outcome: DeliveryOutcome) -> None:
    """The last word of a node: its own tests do not pass there, so it is never verified."""
    loaded = delivery.artifact.hash if outcome is DeliveryOutcome.APPLIED else None
    said = {"node_id": delivery.node_id, "delivery_id": delivery.id, "attempt": max(1, delivery.attempts)}
    await fleet.broker.publish(
        DeliveryReported(**said, outcome=outcome, loaded_hash=loaded, tests_passed=False, at=fleet.clock.now())
    )
    await fleet.run_for(1)


def lost(_: Contract) -> bool:
    """Everything is."""
    return True


async def left_in(fleet: SimulatedFleet, state: DeliveryState, **rollout: Any) -> str:
    """A deployment whose delivery to the first ghost is in this state, and from now on no message arrives."""
    deployment_id = await fleet.order("hello", GHOSTS, deadline_seconds=DEADLINE, **rollout)
    if state is DeliveryState.PENDING:
        await fleet.steer(deployment_id, "pause")
    fleet.broker.lose = lambda message: not isinstance(message, DeliveryReported)
    await fleet.run_for(2)
    outcomes = {DeliveryState.RECEIVED: DeliveryOutcome.RECEIVED, DeliveryState.APPLIED: DeliveryOutcome.APPLIED}
    if state in outcomes:
        for delivery in await fleet.deliveries():
            await heard(fleet, delivery, outcomes[state])
    fleet.broker.lose = lost
    assert {each.state for each in await fleet.deliveries()} == {state}
    return deployment_id


@pytest.mark.parametrize("state", sorted(set(DeliveryState) - FINAL_STATES))
async def test_a_delivery_ends_at_the_deadline_of_its_deployment(state: DeliveryState) -> None:
    """A delivery would be under way for ever, and its deployment with it."""
    async with SimulatedFleet(nodes=0) as fleet:
        await haunted(fleet)
        deployment_id = await left_in(fleet, state)
        await fleet.run_for(DEADLINE + 2)
        assert {each.state for each in await fleet.deliveries()} == {DeliveryState.TIMED_OUT}
        assert all(each.reason for each in await fleet.deliveries())
        assert (await fleet.deployment(deployment_id)).state is DeploymentState.FAILED


@pytest.mark.parametrize(
    ("state", "seconds"), [(DeliveryState.SENT, 20), (DeliveryState.RECEIVED, 30), (DeliveryState.APPLIED, 40)]
)
async def test_a_step_that_takes_too_long_ends_before_the_deadline(state: DeliveryState, seconds: int) -> None:
    """A canary on a node that hangs would cost the whole day of the rollout."""
    async with SimulatedFleet(nodes=0) as fleet:
        await haunted(fleet)
        deployment_id = await left_in(fleet, state, timers=STEPS)
        await fleet.run_for(seconds + 2)
        reasons = {each.reason for each in await fleet.deliveries() if each.state is DeliveryState.TIMED_OUT}
        assert len(reasons) == 1 and f"{state} for {seconds} s while its node was online" in str(reasons)
        assert (await fleet.deployment(deployment_id)).state is DeploymentState.FAILED


ROLLOUTS: dict[str, dict[str, Any]] = {
    "planned": {"approval": True},
    "scheduled": {},
    "running": {"groups": [1, "100%"]},
    "paused": {"groups": [1, "100%"], "rate": {"per_minute": 1}},
    "running at a rate": {"rate": {"per_minute": 1}},
    "running in a window": {"window": {"from": "12:00", "to": "13:00", "time_zone": "UTC"}},
}


@pytest.mark.parametrize("name", ROLLOUTS)
async def test_a_deployment_ends_with_every_message_lost(name: str) -> None:
    """A deployment would stay in a state that nobody looks at, and nobody could order the next one with confidence."""
    async with SimulatedFleet(nodes=0) as fleet:
        await haunted(fleet)
        rollout = {"deadline_seconds": DEADLINE, **ROLLOUTS[name]}
        if name == "scheduled":
            rollout["start_at"] = (fleet.clock.now() + timedelta(hours=20)).isoformat()
        deployment_id = await fleet.order("hello", GHOSTS, **rollout)
        fleet.broker.lose = lost
        await fleet.run_for(2)
        if name == "paused":
            await fleet.steer(deployment_id, "pause")
        assert (await fleet.deployment(deployment_id)).state == name.split()[0]
        # The timers are rows: services that were away for a day find them.
        away = (fleet.deployer, fleet.registry)
        await asyncio.gather(*(service.stop() for service in away))
        await fleet.run_for(24 * 3600)
        for service in away:
            service.start()
        await fleet.run_for(DEADLINE + 5)
        ended = await fleet.deployment(deployment_id)
        assert ended.state in FINAL_DEPLOYMENT_STATES and ended.remaining == 0 and ended.finished_at is not None
        assert ended.state == (DeploymentState.CANCELED if name == "planned" else DeploymentState.FAILED)
        assert all(each.state in FINAL_STATES for each in await fleet.deliveries())


async def test_a_dynamic_deployment_ends_at_its_deadline_with_every_message_lost() -> None:
    """A rollout that is open for late joiners would be open for ever."""
    async with SimulatedFleet(nodes=0) as fleet:
        await haunted(fleet)
        deployment_id = await fleet.order_selected("hello", "site=attic", deadline_seconds=DEADLINE, dynamic=True)
        fleet.broker.lose = lost
        await fleet.run_for(DEADLINE + 5)
        ended = await fleet.deployment(deployment_id)
        assert (ended.state, ended.open_ended, ended.remaining) == (DeploymentState.FAILED, False, 0)


def test_every_state_that_is_not_final_is_driven_here() -> None:
    """A state that somebody adds would have no test that it ends."""
    assert {name.split()[0] for name in ROLLOUTS} == set(DeploymentState) - FINAL_DEPLOYMENT_STATES


async def test_a_whole_rollout_survives_that_every_second_message_is_lost() -> None:
    """The broker is allowed to lose what it likes; what the rows want is sent again."""
    async with SimulatedFleet(nodes=6, accounts=1) as fleet:
        await fleet.run_for(20)
        await fleet.push(greeter("hello", "hi", 6))
        dice = fleet.dice("loss")
        fleet.broker.lose = lambda message: (
            message.TYPE.startswith(("node.deliver", "node.delivery")) and dice.uniform(0, 1) < 0.5
        )
        nodes = [machine.node_id for machine in fleet.machines]
        deployment_id = await fleet.order("hello", nodes, groups=[1, "50%", "100%"], rate={"per_minute": 30})

        async def unfinished() -> list[str]:
            found = await fleet.deployment(deployment_id)
            return [] if found.state is DeploymentState.SUCCEEDED else [f"it is {found.state}: {found.totals}"]

        await fleet.until(unfinished, within=3600)
        assert not [each for each, count in fleet.endings().items() if count != 1]
