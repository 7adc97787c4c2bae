"""What an operator does with a rollout on its way: pause, resume, abort, retry, roll back."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.deployer.domain.deployments import Deployment
from services.deployer.store.in_memory_bindings import InMemoryBindings
from services.deployer.store.in_memory_deliveries import InMemoryDeliveries
from services.deployer.store.in_memory_deployments import InMemoryDeployments
from services.deployer.use_cases.order_again import LeftAlone, NothingToRetry, RolledBack
from services.deployer.use_cases.steer_deployment import NoSuchDeployment, NotPossible
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from tests.unit.deployer.making import HASH, seen
from tests.unit.deployer.rollouts import FAILED, UNKNOWN, answer, fleet, nodes, one_of, policy


async def test_pausing_sends_nothing_new_and_lets_what_was_sent_finish() -> None:
    """Otherwise a pause would leave nodes halfway, or stop nothing."""
    stand = await fleet(6)
    deployment = await stand.deploy(rollout=policy(groups=[2, "100%"], success_percent=50))
    orders = await stand.look()
    assert isinstance(await stand.steer.pause(deployment.id), Deployment)
    await answer(stand, orders)
    assert await stand.look(60) == []
    assert (await stand.deployment(deployment)).totals[DeliveryState.VERIFIED] == 2
    await stand.steer.resume(deployment.id)
    assert len(await stand.look()) == 4


async def test_a_pause_at_once_holds_back_what_was_not_sent_yet() -> None:
    """Otherwise the second after the order would be too late for a pause."""
    stand = await fleet(3)
    deployment = await stand.deploy()
    await stand.steer.pause(deployment.id)
    assert await stand.look(60) == []
    assert (await stand.deployment(deployment)).held == 3
    await stand.see("n-00", status=NodeStatus.OFFLINE, seq=2)
    await stand.see("n-00", seq=3)
    assert await stand.look(60) == []
    await stand.steer.resume(deployment.id)
    await answer(stand, await stand.look())
    assert (await stand.deployment(deployment)).state is DeploymentState.SUCCEEDED


async def test_a_paused_rollout_ends_at_its_deadline() -> None:
    """Otherwise a rollout that somebody forgot would be open for ever."""
    stand = await fleet(3)
    deployment = await stand.deploy(rollout=policy(groups=[1, "100%"], deadline_seconds=600))
    await stand.look()
    await stand.steer.pause(deployment.id)
    await stand.look(601, step=10)
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.totals) == (DeploymentState.FAILED, {DeliveryState.TIMED_OUT: 3})
    assert (await one_of(stand, deployment, "n-02")).reason == "not sent before its deadline: its rollout held it back"


async def test_steering_says_what_is_not_possible() -> None:
    """Otherwise a mistake would look like a success."""
    stand = await fleet(1)
    deployment = await stand.deploy()
    for act in (stand.steer.pause, stand.steer.resume, stand.steer.abort):
        assert await act(UNKNOWN) == NoSuchDeployment()
    assert await stand.steer.approve(UNKNOWN, HASH) == NoSuchDeployment()
    assert await stand.steer.approve(deployment.id, HASH) == NotPossible(DeploymentState.RUNNING)
    await answer(stand, await stand.look())
    for act in (stand.steer.pause, stand.steer.resume, stand.steer.abort):
        assert await act(deployment.id) == NotPossible(DeploymentState.SUCCEEDED)


async def test_only_the_failed_are_retried() -> None:
    """Otherwise a retry would reload a thousand nodes that run it."""
    stand = await fleet(3)
    deployment = await stand.deploy(bind="all", rollout=policy(deadline_seconds=60, success_percent=10))
    orders = await stand.look()
    assert await stand.again.retry(deployment.id) == NothingToRetry()
    await answer(stand, orders[:1])
    await answer(stand, orders[1:2], FAILED, cause=FailureCause.TESTS_FAILED)
    await stand.look(61)
    again = await stand.again.retry(deployment.id)
    assert isinstance(again, Deployment)
    assert (again.retry_of, again.total, again.bind, again.rollout.success_percent) == (deployment.id, 2, "all", 10)
    assert set(nodes(await stand.look())) == {orders[1].node_id, orders[2].node_id}
    assert await stand.again.retry(UNKNOWN) == NoSuchDeployment()


async def test_a_rollback_brings_each_node_what_it_had() -> None:
    """Otherwise a rollback would be a guess at one version for all."""
    stand = await fleet(6)
    await stand.push("two")
    one = Artifact(id="greeter", version=1, hash=HASH)
    two = Artifact(id="greeter", version=2, hash=content_hash(b"two"))
    strange = Artifact(id="greeter", version=2, hash=content_hash(b"strange"))
    await stand.push("three")
    loaded = {"n-00": one, "n-01": one, "n-02": two, "n-04": strange}
    await stand.tell_all([seen(name, seq=2, loaded=artifact) for name, artifact in loaded.items()])
    deployment = await stand.deploy(rollout=policy(groups=[5, "100%"]))
    orders = await stand.look()
    await answer(stand, [order for order in orders if order.node_id != "n-01"])
    rolled = await stand.again.rollback(deployment.id)
    assert isinstance(rolled, RolledBack)
    made = {None if one.removes else one.artifact.version: one for one in rolled.deployments}
    assert {version: each.total for version, each in made.items()} == {1: 2, 2: 1, None: 1}
    assert all(each.rollback_of == deployment.id for each in rolled.deployments)
    assert rolled.left_alone == (
        LeftAlone("n-04", "what it had is not known here: push that script again and deploy it"),
        LeftAlone("n-05", "nothing was sent to it"),
    )
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.reason, ended.remaining) == (DeploymentState.ABORTED, "rolled back", 0)
    back = await stand.look()
    assert {(order.node_id, order.artifact.version) for order in back} == {("n-00", 1), ("n-01", 1), ("n-02", 2)}
    assert [(order.node_id, order.removes.id) for order in stand.removals] == [("n-03", "greeter")]
    assert await stand.again.rollback(UNKNOWN) == NoSuchDeployment()


async def test_a_rollback_locks_as_everybody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's report, or another rollout of its, and a rollback with several ways back would wait for each other."""
    stand = await fleet(4)
    for body, names in (("one", ["n-01", "n-03"]), ("two", []), ("three", [])):
        await stand.push(body)
        deployment = await stand.deploy(*names, bind="all")
        if body != "three":
            await answer(stand, await stand.look())
            second = deployment
    locked = list[tuple[int, str]]()
    tables = [(InMemoryDeliveries, "lock_open"), (InMemoryDeliveries, "lock_of"), (InMemoryDeployments, "lock")]
    for rank, (table, name) in enumerate([*tables, (InMemoryBindings, "lock")]):
        monkeypatch.setattr(table, name, _noting(getattr(table, name), max(0, rank - 1), locked))
    rolled = await stand.again.rollback(second.id)
    assert isinstance(rolled, RolledBack) and len(rolled.deployments) == 2
    assert {rank for rank, _ in locked} == {0, 1, 2}
    assert list(dict.fromkeys(locked)) == sorted(set(locked))


def _noting(lock: Callable[..., Awaitable[Any]], rank: int, locked: list[tuple[int, str]]) -> Callable[..., Any]:
    async def noted(*given: Any) -> Any:
        found = await lock(*given)
        locked.extend((rank, one if isinstance(one, str) else one.id) for one in found)
        return found

    return noted


async def test_a_plan_that_never_began_cannot_be_rolled_back() -> None:
    """Otherwise nodes that nobody has touched would be sent to."""
    stand = await fleet(1)
    plan = await stand.deploy(rollout=policy(approval=True))
    assert await stand.again.rollback(plan.id) == NotPossible(DeploymentState.PLANNED)
