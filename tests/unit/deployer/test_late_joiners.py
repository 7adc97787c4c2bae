"""Nodes that match a dynamic deployment only later."""

from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.heartbeats import NodeFacts
from tests.unit.deployer.making import seen
from tests.unit.deployer.rollouts import answer, fleet, nodes, policy


async def test_late_joiners_of_a_dynamic_deployment_get_it_under_the_same_rules() -> None:
    """Otherwise a node that is installed tomorrow would run nothing until somebody thinks of it."""
    stand = await fleet(2)
    deployment = await stand.deploy(
        rollout=policy(groups=[1, "100%"], dynamic=True, deadline_seconds=86_400), asked={"selector": "all"}
    )
    canary = await stand.look()
    await stand.see("late")
    assert "late" not in nodes(await stand.look(30))
    await answer(stand, canary)
    rest = await stand.look(5)
    assert {"late", "n-01"} <= set(nodes(rest))
    await answer(stand, [order for order in rest if order.attempt == 1 and order.node_id != "n-00"])
    running = await stand.deployment(deployment)
    assert (running.state, running.total, running.totals[DeliveryState.VERIFIED]) == (DeploymentState.RUNNING, 3, 3)
    await stand.see("later")
    await answer(stand, await stand.look(5))
    await stand.look(86_400, step=600)
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.total) == (DeploymentState.SUCCEEDED, 4)
    await stand.see("too-late")
    assert await stand.look(60) == []
    found = await stand.browse.plan(deployment.id, None, 10)
    assert found is not None and [entry.node_id for entry in found[1] if entry.group == 2] == ["late", "later", "n-01"]


async def test_a_node_that_gets_a_label_joins_too() -> None:
    """Otherwise a node would have to be installed anew to come into the group of its site."""
    stand = await fleet(2)
    await stand.tell_all([seen("n-00", seq=2, node=NodeFacts(labels={"site": "tokyo"}))])
    rollout = policy(dynamic=True)
    deployment = await stand.deploy("n-00", rollout=rollout, asked={"selector": "site=tokyo"})
    await stand.look()
    await stand.tell_all([seen("n-01", seq=2, node=NodeFacts(labels={"site": "tokyo"}))])
    assert "n-01" in nodes(await stand.look(5))
    assert (await stand.deployment(deployment)).total == 2


async def test_a_newer_deployment_ends_a_dynamic_one() -> None:
    """Otherwise late joiners would get the version of last week."""
    stand = await fleet(2)
    older = await stand.deploy(rollout=policy(dynamic=True), asked={"selector": "all"})
    await answer(stand, await stand.look())
    newer = await stand.deploy("n-00")
    await stand.look(2)
    ended = await stand.deployment(older)
    assert (ended.state, ended.open_ended) == (DeploymentState.SUCCEEDED, False)
    await stand.see("late")
    assert "late" not in nodes(await stand.look(5))
    assert (await stand.deployment(newer)).state is DeploymentState.RUNNING
