"""Deployments from order to end: the use cases together, on the in-memory store and in virtual time."""

from itertools import pairwise

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.selector import Selector
from services.deployer.domain.targets import NodeIds, NothingSelected, UnknownNodes
from services.deployer.use_cases.order_deployment import DeploymentOrder, NoSuchScript, NoSuchVersion
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import INLINE_LIMIT, DeliveryOutcome, FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from shared.messaging import Rejected
from tests.unit.deployer.making import HASH, OTHER_HASH, report, seen
from tests.unit.deployer.stand import Stand

RECEIVED, APPLIED, FAILED = DeliveryOutcome.RECEIVED, DeliveryOutcome.APPLIED, DeliveryOutcome.FAILED


async def test_a_deployment_is_sent_reported_and_succeeds(stand: Stand) -> None:
    """The main path: every state is announced once, and the end is a success."""
    deployment = await stand.deploy(bind="all")
    orders = await stand.reconcile()
    assert {order.node_id for order in orders} == {"a", "b"}
    assert all((order.attempt, order.content, order.bind) == (1, "ours", "all") for order in orders)
    for delivery in (await stand.deliveries(deployment)).values():
        assert await stand.tell(delivery, RECEIVED, APPLIED) == [None, None]
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.totals) == (DeploymentState.SUCCEEDED, {DeliveryState.VERIFIED: 2})
    states = ("sent", "received", "applied", "verified")
    ids = [delivery.id for delivery in (await stand.deliveries(deployment)).values()]
    assert stand.changes == {(id_, state): 1 for id_ in ids for state in states}
    assert stand.endings(deployment) == ["running", "succeeded"]


async def test_a_new_order_wakes_the_reconcile_job(stand: Stand) -> None:
    """Otherwise every push would wait for the next poll."""
    wakes = stand.wakes
    await stand.deploy()
    assert stand.wakes == wakes + 1


async def test_what_is_not_answered_is_sent_again_with_growing_waits(stand: Stand) -> None:
    """Otherwise an order that the broker lost would be lost, or a slow node would be flooded."""
    deployment = await stand.deploy("a")
    sent_at = []
    for _ in range(600):
        if await stand.reconcile(1.0):
            sent_at.append(stand.clock.monotonic())
    waits = [later - earlier for earlier, later in pairwise(sent_at)]
    assert 4 <= waits[0] <= 7 and 8 <= waits[1] <= 13 and max(waits) <= 73
    delivery = (await stand.deliveries(deployment))["a"]
    assert delivery.attempts == len(sent_at) and delivery.state is DeliveryState.SENT
    assert stand.changes == {(delivery.id, "sent"): 1}


async def test_an_offline_node_is_asked_slowly_and_at_once_when_it_returns(stand: Stand) -> None:
    """Otherwise a fleet of sleeping laptops would cost as much as a live one, or wait a minute when it wakes."""
    await stand.see("a", status=NodeStatus.OFFLINE, seq=2)
    await stand.deploy("a")
    assert len(await stand.reconcile()) == 1
    assert await stand.reconcile(40) == []
    await stand.see("a", seq=3)
    assert [order.attempt for order in await stand.reconcile()] == [2]
    await stand.see("a", seq=4)
    assert await stand.reconcile() == []


async def test_a_delivery_times_out_at_its_deadline(stand: Stand) -> None:
    """Otherwise a deployment to a node that never returns would stay open for ever."""
    deployment = await stand.deploy("a")
    for _ in range(24 * 60 + 1):
        await stand.reconcile(61)
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.totals) == (DeploymentState.FAILED, {DeliveryState.TIMED_OUT: 1})
    assert stand.endings(deployment) == ["running", "failed"]
    assert await stand.reconcile(3600) == []


async def test_a_newer_deployment_supersedes_older_deliveries(stand: Stand) -> None:
    """Otherwise an old version that is still on its way could replace the new one."""
    older = await stand.deploy()
    await stand.reconcile()
    first = (await stand.deliveries(older))["a"]
    await stand.tell((await stand.deliveries(older))["b"], APPLIED)
    await stand.push("newer")
    newer = await stand.deploy()
    assert {order.artifact.version for order in await stand.reconcile(120)} == {2}
    assert await stand.tell(first, APPLIED) == [None]
    after = await stand.deliveries(older)
    assert {one.state for one in after.values()} == {DeliveryState.SUPERSEDED, DeliveryState.VERIFIED}
    assert after["a"].reason == f"deployment {newer.id} is newer"
    assert stand.endings(older) == ["running", "failed"]
    assert stand.endings(newer) == ["running"]


async def test_orders_carry_the_time_of_their_deployment(stand: Stand) -> None:
    """Otherwise a late attempt of an old deployment would look newer to a node than the one that replaced it."""
    older = await stand.deploy("a")
    first = await stand.reconcile()
    again = await stand.reconcile(10)
    newer = await stand.deploy("a")
    assert first[0].issued_at == again[0].issued_at == older.created_at < newer.created_at


async def test_a_retryable_failure_is_sent_again_and_can_still_succeed(stand: Stand) -> None:
    """Otherwise a download that fails once would end the rollout of that node."""
    deployment = await stand.deploy("a")
    await stand.reconcile()
    delivery = (await stand.deliveries(deployment))["a"]
    failure = report(delivery, FAILED, cause=FailureCause.DOWNLOAD_FAILED, reason="connection\0refused")
    await stand.tell_all([failure, failure])
    troubled = (await stand.deliveries(deployment))["a"]
    assert (troubled.state, troubled.reason) == (DeliveryState.SENT, "connection\N{REPLACEMENT CHARACTER}refused")
    assert [order.attempt for order in await stand.reconcile(7)] == [2]
    await stand.tell(troubled, RECEIVED, APPLIED)
    assert (await stand.deployment(deployment)).state is DeploymentState.SUCCEEDED


async def test_a_failure_for_good_ends_the_delivery(stand: Stand) -> None:
    """Otherwise a script that a node cannot load would be sent to it for a day."""
    deployment = await stand.deploy("a")
    await stand.reconcile()
    delivery = (await stand.deliveries(deployment))["a"]
    await stand.tell_all([report(delivery, FAILED, cause=FailureCause.TESTS_FAILED, reason="greets")])
    ended = (await stand.deliveries(deployment))["a"]
    assert (ended.state, ended.cause, ended.reason) == (
        DeliveryState.FAILED,
        FailureCause.TESTS_FAILED,
        "greets",
    )
    assert stand.endings(deployment) == ["running", "failed"]


async def test_an_observation_verifies_what_the_node_has_acknowledged(stand: Stand) -> None:
    """Otherwise a lost last report would cost another attempt."""
    deployment = await stand.deploy("a")
    await stand.reconcile()
    ours = Artifact(id="greeter", version=1, hash=HASH)
    await stand.tell((await stand.deliveries(deployment))["a"], RECEIVED)
    await stand.tell_all([seen("a", seq=2, loaded=ours.model_copy(update={"hash": OTHER_HASH}))])
    assert (await stand.deliveries(deployment))["a"].reported_hash == OTHER_HASH
    await stand.tell_all([seen("a", seq=3, loaded=ours)])
    assert (await stand.deployment(deployment)).state is DeploymentState.SUCCEEDED


async def test_what_a_node_ran_before_does_not_verify_an_order_it_has_not_got(stand: Stand) -> None:
    """Otherwise going back to an old version would be a success while the newer one still runs."""
    deployment = await stand.deploy("a", bind=["acc-1"])
    await stand.reconcile()
    await stand.tell_all([seen("a", seq=2, loaded=Artifact(id="greeter", version=1, hash=HASH))])
    assert (await stand.deliveries(deployment))["a"].state is DeliveryState.SENT


async def test_reports_that_cannot_be_recorded_say_why_and_leave_the_others_alone(stand: Stand) -> None:
    """Otherwise a report for another node would count, or one bad report would hold up a batch."""
    deployment = await stand.deploy()
    await stand.reconcile()
    deliveries = await stand.deliveries(deployment)
    unknown = report(deliveries["a"], APPLIED, delivery_id="dlv_" + "f" * 32)
    foreign = report(deliveries["b"], APPLIED, node_id="a")
    results = await stand.tell_all([unknown, report(deliveries["a"], APPLIED), foreign])
    assert isinstance(results[0], Rejected) and "there is no delivery dlv_ffff" in str(results[0])
    assert results[1] is None
    assert isinstance(results[2], Rejected) and "for node 'b', not for 'a'" in str(results[2])
    states = {name: one.state for name, one in (await stand.deliveries(deployment)).items()}
    assert states == {"a": DeliveryState.VERIFIED, "b": DeliveryState.SENT}


async def test_an_order_that_cannot_be_followed_says_why(stand: Stand) -> None:
    """Otherwise an order with a mistake in it would silently go nowhere."""
    everyone = Selector()
    assert await stand.order(DeploymentOrder("nobody", everyone)) == NoSuchScript()
    assert await stand.order(DeploymentOrder("greeter", everyone, version=2)) == NoSuchVersion(latest=1)
    assert isinstance(await stand.order(DeploymentOrder("greeter", NodeIds(["x"]))), UnknownNodes)
    empty = Stand()
    await empty.push()
    assert await empty.order(DeploymentOrder("greeter", everyone)) == NothingSelected(0)
    assert stand.orders == []


async def test_an_older_version_can_be_ordered(stand: Stand) -> None:
    """Otherwise there would be no way back."""
    await stand.push("newer")
    deployment = await stand.deploy("a", version=1)
    assert deployment.artifact.hash == content_hash(b"ours")


async def test_small_content_travels_in_the_order_and_large_content_by_url(stand: Stand) -> None:
    """Otherwise a large script would fill the broker, or a node would fetch what it could have had."""
    for size in (INLINE_LIMIT, INLINE_LIMIT + 1):
        body = "é" * (size // 2) + "x" * (size % 2)
        await stand.push(body)
        await stand.deploy("a")
        (order,) = await stand.reconcile()
        assert order.size == size and order.artifact.hash == content_hash(body.encode())
        inline = size <= INLINE_LIMIT
        assert order.content == (body if inline else None)
        assert order.url == (None if inline else f"http://x/{order.artifact.hash}")


async def test_a_thousand_nodes_are_sent_to_in_batches(stand: Stand) -> None:
    """Otherwise a wide rollout would be one transaction of any size."""
    await stand.see(*(f"n-{number}" for number in range(1_000)))
    deployment = await stand.deploy()
    assert isinstance(deployment, Deployment) and deployment.total == 1_002
    assert await stand.send() is True
    assert len(stand.orders) == 500
    assert len(await stand.reconcile()) == 502
