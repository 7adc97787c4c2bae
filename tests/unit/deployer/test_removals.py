"""A script that is taken away: by an operator, by a rollback to nothing, and kept away."""

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.rollout import PLAIN, Rollout
from services.deployer.domain.targets import NodeIds
from services.deployer.use_cases.order_again import RolledBack
from services.deployer.use_cases.order_deployment import DeploymentOrder, Ordered
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliveryOutcome, FailureCause, RemoveArtifact
from shared.contracts.deployments import DeploymentState
from tests.unit.deployer.making import HASH, report, seen
from tests.unit.deployer.rollouts import answer, fleet, policy, states
from tests.unit.deployer.stand import Stand

OURS = Artifact(id="greeter", version=1, hash=HASH)


async def remove(stand: Stand, *node_ids: str, rollout: Rollout = PLAIN) -> Deployment:
    """Order that the script is removed."""
    ordered = await stand.order(DeploymentOrder("greeter", NodeIds(node_ids), rollout=rollout, removes=True))
    assert isinstance(ordered, Ordered)
    return ordered.deployment


async def gone(stand: Stand, order: RemoveArtifact, **more: object) -> None:
    """The node has done it."""
    delivery = (await stand.every())[order.delivery_id]
    told = {"loaded_hash": None, "tests_passed": False, **more}
    await stand.tell_all([report(delivery, DeliveryOutcome.APPLIED, **told)])


async def test_a_script_is_removed_when_the_node_says_that_nothing_of_it_is_loaded() -> None:
    """That an order was sent proves nothing, here as everywhere."""
    stand = await fleet(2)
    await stand.deploy(bind="all")
    await answer(stand, await stand.look())
    deployment = await remove(stand, "n-00")
    await stand.look()
    [order] = stand.removals
    assert (order.node_id, order.removes, order.bindings) == ("n-00", OURS, None)
    await gone(stand, order, loaded_hash=HASH)
    assert await states(stand, deployment) == {"n-00": "sent"}
    await gone(stand, order)
    assert stand.endings(deployment) == ["running", "succeeded"]
    # Nobody plays it there any more, as a plan would show.
    async with stand.store.begin() as transaction:
        assert await transaction.bindings.of(["n-00", "n-01"]) == {"n-00": {}, "n-01": {"*": "greeter"}}


async def test_a_removal_goes_in_groups_and_stops_as_any_deployment() -> None:
    """Taking away is as dangerous as bringing."""
    stand = await fleet(3)
    deployment = await remove(stand, "n-00", "n-01", "n-02", rollout=policy(groups=[1, "100%"]))
    await stand.look()
    [canary] = stand.removals
    delivery = (await stand.every())[canary.delivery_id]
    failure = report(delivery, DeliveryOutcome.FAILED, cause=FailureCause.TESTS_FAILED, reason="no")
    await stand.tell_all([failure])
    await stand.look()
    assert (await stand.deployment(deployment)).state is DeploymentState.PAUSED
    assert len(stand.removals) == 1


async def test_what_was_removed_and_comes_back_is_removed_again() -> None:
    """A node restored from an old image would play what was taken away from it."""
    stand = await fleet(1)
    await stand.deploy()
    await answer(stand, await stand.look())
    await stand.tell_all([seen("n-00", seq=2, loaded=OURS)])
    await remove(stand, "n-00")
    await stand.look()
    await gone(stand, stand.removals[-1])
    await stand.tell_all([seen("n-00", seq=3)])
    await stand.mend(60)
    assert len(stand.removals) == 1 and await stand.drift() == []
    await stand.tell_all([seen("n-00", seq=4, loaded=OURS)])
    await stand.mend(60)
    assert [(order.attempt, order.delivery_id) for order in stand.removals] == [
        (1, stand.removals[0].delivery_id),
        (2, stand.removals[0].delivery_id),
    ]
    [row] = await stand.drift()
    assert row.reason == "it was removed, and the node runs version 1 of it"
    await stand.tell_all([seen("n-00", seq=5)])
    await stand.mend(60)
    assert await stand.drift() == []


async def test_a_rollback_takes_away_what_was_not_there_and_gives_accounts_back() -> None:
    """The way back would end somewhere else than where the deployment began."""
    stand = await fleet(2)
    await stand.push("desk", "desk")
    await stand.order_script("desk", "n-00", "n-01", bind="all")
    await answer(stand, await stand.look())
    deployment = await stand.deploy("n-00", bind=["anna", "bert"])
    await answer(stand, await stand.look())
    # Bert was given to somebody else in the meantime, and stays there.
    await stand.push("third", "third")
    await stand.order_script("third", "n-00", bind=["bert"])
    await answer(stand, await stand.look())
    rolled = await stand.again.rollback(deployment.id)
    assert isinstance(rolled, RolledBack) and rolled.left_alone == ()
    await stand.look()
    [order] = stand.removals
    assert (order.node_id, order.bindings) == ("n-00", {"*": "desk", "bert": "third"})
    await gone(stand, order)
    assert (await stand.deployment(rolled.deployments[0])).state is DeploymentState.SUCCEEDED
    async with stand.store.begin() as transaction:
        assert (await transaction.bindings.of(["n-00"]))["n-00"] == {"*": "desk", "bert": "third"}


async def test_a_rollback_knows_what_was_verified_and_is_in_no_beat_yet() -> None:
    """It would take the script away from a node that had an earlier version of it a moment ago."""
    stand = await fleet(1)
    await stand.deploy()
    await answer(stand, await stand.look())
    await stand.push("newer")
    deployment = await stand.deploy()
    await answer(stand, await stand.look())
    rolled = await stand.again.rollback(deployment.id)
    assert isinstance(rolled, RolledBack)
    assert [(one.artifact.version, one.removes) for one in rolled.deployments] == [(1, False)]
