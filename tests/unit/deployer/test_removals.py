"""A script that is taken away: by an operator, by a rollback to nothing, and kept away."""

import pytest

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.rollout import PLAIN, Rollout
from services.deployer.domain.targets import NodeIds
from services.deployer.use_cases.order_again import RolledBack
from services.deployer.use_cases.order_deployment import DeploymentOrder, Ordered
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliveryOutcome, FailureCause, RemoveArtifact
from shared.contracts.deployments import DeploymentState
from tests.unit.deployer.making import HASH, loaded, report, seen
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


async def had_on_the_way_back(stand: Stand) -> list[tuple[int | None, bool]]:
    """Deploy the next version, and roll it back: to which version, or to nothing."""
    await stand.push("the next one")
    deployment = await stand.deploy()
    await answer(stand, await stand.look())
    rolled = await stand.again.rollback(deployment.id)
    assert isinstance(rolled, RolledBack)
    return [(None if one.removes else one.artifact.version, one.removes) for one in rolled.deployments]


@pytest.mark.parametrize("tests_passed", [True, False])
async def test_a_rollback_knows_what_a_node_answered_and_is_in_no_beat_yet(tests_passed: bool) -> None:
    """It would take the script away from a node that had an earlier version of it a moment ago, verified or not."""
    stand = await fleet(1)
    await stand.deploy()
    await answer(stand, await stand.look(), tests_passed=tests_passed)
    assert await had_on_the_way_back(stand) == [(1, False)]


async def test_a_rollback_goes_by_the_later_word_of_a_node() -> None:
    """It would bring back what a node had before the version that it had, because its beat was a moment late."""
    stand = await fleet(1)
    await stand.deploy()
    [first] = await stand.look()
    await answer(stand, [first])
    beat = seen("n-00", seq=2).model_copy(update={"artifacts": [loaded(first)]})
    await stand.tell_all([beat])
    await stand.push("second")
    await stand.deploy()
    await answer(stand, await stand.look())
    await stand.tell_all([beat.model_copy(update={"seq": 3})])
    assert await had_on_the_way_back(stand) == [(2, False)]


async def test_a_rollback_believes_what_was_observed_since() -> None:
    """A node that was restored from an old image has what it has, whatever it answered before."""
    stand = await fleet(1)
    await stand.deploy(rollout=policy(drift="report"))
    [first] = await stand.look()
    await answer(stand, [first])
    await stand.push("second")
    await stand.deploy(rollout=policy(drift="report"))
    [second] = await stand.look()
    await answer(stand, [second])
    for seq, order in ((2, second), (3, first)):
        await stand.tell_all([seen("n-00", seq=seq).model_copy(update={"artifacts": [loaded(order)]})])
    await stand.mend(60)
    assert [row.reason for row in await stand.drift()] == ["the node runs other content, as version 1"]
    assert await had_on_the_way_back(stand) == [(1, False)]


async def test_a_rollback_brings_back_what_a_node_should_have_and_lost() -> None:
    """A machine that was set up anew would lose the script for good, which nobody has ordered."""
    stand = await fleet(1)
    await stand.deploy(rollout=policy(drift="report"))
    await answer(stand, await stand.look())
    await stand.tell_all([seen("n-00", seq=2)])
    await stand.mend(60)
    assert len(await stand.drift()) == 1
    assert await had_on_the_way_back(stand) == [(1, False)]


async def test_a_rollback_takes_away_what_a_node_said_it_had_removed() -> None:
    """A beat that is a moment late would bring a script back that was taken away."""
    stand = await fleet(1)
    await stand.deploy()
    [first] = await stand.look()
    await answer(stand, [first])
    await stand.tell_all([seen("n-00", seq=2).model_copy(update={"artifacts": [loaded(first)]})])
    await remove(stand, "n-00")
    await stand.look()
    await gone(stand, stand.removals[-1])
    assert await had_on_the_way_back(stand) == [(None, True)]
