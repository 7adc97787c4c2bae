"""How a rollout goes through its groups: what is sent when, what stops it, and how long each step may take."""

from itertools import pairwise

from shared.contracts.deliveries import FailureCause, ForgetDelivery
from shared.contracts.deployments import DeliveryChanged, DeliveryState, DeploymentChanged, DeploymentState
from shared.contracts.fleet import NodeStatus
from tests.unit.deployer.rollouts import APPLIED, FAILED, RECEIVED, answer, fleet, nodes, one_of, policy, states


async def test_groups_go_one_after_the_other() -> None:
    """Otherwise a canary would be a word."""
    stand = await fleet(10)
    deployment = await stand.deploy(rollout=policy(groups=[1, "20%", "100%"]))
    canary = await stand.look()
    assert nodes(canary) == ["n-00"]
    # Its order comes again as long as it is not answered, nobody else's comes before.
    assert set(nodes(await stand.look(60))) == {"n-00"}
    await answer(stand, canary)
    second = await stand.look()
    assert nodes(second) == ["n-01", "n-02"]
    await answer(stand, second)
    rest = await stand.look()
    assert len(rest) == 7
    await answer(stand, rest)
    ended = await stand.deployment(deployment)
    assert ended.state is DeploymentState.SUCCEEDED
    assert [(group.size, group.held, dict(group.totals)) for group in ended.progress.groups] == [
        (size, 0, {DeliveryState.VERIFIED: size}) for size in (1, 2, 7)
    ]
    told = [each for each in stand.store.announced if isinstance(each, DeploymentChanged)]
    assert [(each.state, [group.held for group in each.groups or []]) for each in told] == [
        ("running", [1, 2, 7]),
        ("succeeded", [0, 0, 0]),
    ]
    groups = {each.group for each in stand.store.announced if isinstance(each, DeliveryChanged)}
    assert groups == {1, 2, 3}


async def test_the_canary_is_somebody_who_is_there() -> None:
    """Otherwise a laptop that sleeps would hold up the fleet until the deadline."""
    stand = await fleet(4)
    await stand.see("n-00", "n-01", status=NodeStatus.OFFLINE, seq=2)
    await stand.deploy(rollout=policy(groups=[1, "100%"]))
    assert nodes(await stand.look()) == ["n-02"]


async def test_a_canary_that_fails_pauses_and_resuming_goes_on() -> None:
    """Otherwise a bad version would go to everybody, or the operator could not overrule it."""
    stand = await fleet(4)
    deployment = await stand.deploy(rollout=policy(groups=[1, "100%"]))
    await answer(stand, await stand.look(), FAILED, cause=FailureCause.TESTS_FAILED, reason="greets")
    assert await stand.look(60) == []
    paused = await stand.deployment(deployment)
    assert paused.state is DeploymentState.PAUSED
    assert paused.reason == "1 of 1 nodes of group 1 failed: 100 % verified cannot be reached"
    assert paused.progress.causes == {"tests_failed": 1}
    await stand.steer.resume(deployment.id)
    await answer(stand, await stand.look())
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.totals[DeliveryState.VERIFIED]) == (DeploymentState.FAILED, 3)
    assert stand.endings(deployment) == ["running", "paused", "running", "failed"]


async def test_a_rule_aborts_and_nodes_are_told_to_forget() -> None:
    """Otherwise nodes that come back tomorrow would still apply what was stopped today."""
    stand = await fleet(10)
    rule = {"failed_percent": 50, "least": 2, "then": "abort"}
    deployment = await stand.deploy(rollout=policy(groups=[5, "100%"], success_percent=20, stop=[rule]))
    orders = await stand.look()
    await answer(stand, orders[:1])
    await answer(stand, orders[1:2], RECEIVED)
    await answer(stand, orders[2:4], FAILED, cause=FailureCause.INVALID_SCRIPT)
    await stand.look()
    aborted = await stand.deployment(deployment)
    assert aborted.state is DeploymentState.ABORTED and aborted.finished_at == stand.clock.now()
    assert aborted.reason == "2 of 3 nodes failed: the rule allows less than 50 %"
    assert (aborted.remaining, aborted.held) == (0, 0)
    forgotten = [each.node_id for each in stand.store.announced if isinstance(each, ForgetDelivery)]
    assert sorted(forgotten) == nodes([orders[1], orders[4]])
    assert stand.endings(deployment) == ["running", "aborted"]
    assert await stand.look(3600) == []


async def test_a_rate_spreads_the_first_sends() -> None:
    """Otherwise a thousand nodes would fetch and reload at once."""
    stand = await fleet(20)
    await stand.deploy(rollout=policy(rate={"per_minute": 12}))
    first: set[str] = set()
    times = []
    for _ in range(120):
        for order in await stand.look(1):
            if order.node_id not in first:
                first.add(order.node_id)
                times.append(stand.clock.monotonic())
    assert len(times) == 20
    assert all(4 <= later - earlier <= 7 for earlier, later in pairwise(times))


async def test_each_step_has_its_own_time() -> None:
    """Otherwise a node that hangs in one step would hold its group until the deadline."""
    timers = {"receive_seconds": 30, "apply_seconds": 60, "verify_seconds": 90}
    for outcomes, more, seconds, says in (
        ((), {}, 30, "sent for 30 s while its node was online, and not received"),
        ((RECEIVED,), {}, 60, "received for 60 s while its node was online, and not applied"),
        ((APPLIED,), {"tests_passed": False}, 90, "applied for 90 s while its node was online, and not verified"),
    ):
        stand = await fleet(1)
        deployment = await stand.deploy(rollout=policy(timers=timers))
        orders = await stand.look()
        for outcome in outcomes:
            await answer(stand, orders, outcome, **more)
        await stand.look(seconds - 1)
        assert not (await one_of(stand, deployment)).state.final
        await stand.look(2)
        ended = await one_of(stand, deployment)
        assert ended.state is DeliveryState.TIMED_OUT
        assert ended.reason is not None and ended.reason.startswith(says)
        assert (await stand.deployment(deployment)).progress.causes == {"timed_out": 1}


async def test_the_clock_of_a_step_stands_while_the_node_is_away() -> None:
    """Otherwise a node that is offline would count as one that failed."""
    stand = await fleet(1)
    deployment = await stand.deploy(rollout=policy(timers={"receive_seconds": 30}))
    await stand.look(20)
    await stand.see("n-00", status=NodeStatus.OFFLINE, seq=2)
    await stand.look(3600, step=30)
    assert (await one_of(stand, deployment)).state is DeliveryState.SENT
    await stand.see("n-00", seq=3)
    await stand.look(29)
    assert (await one_of(stand, deployment)).state is DeliveryState.SENT
    await stand.look(2)
    assert (await one_of(stand, deployment)).state is DeliveryState.TIMED_OUT


async def test_retries_are_by_cause() -> None:
    """Otherwise a download that will never work would be tried ten times, and a flaky test not once."""
    stand = await fleet(1)
    deployment = await stand.deploy(rollout=policy(retries={"download_failed": 0, "tests_failed": 1}))
    for attempt in (1, 2):
        orders = await stand.look(20)
        more = {"attempt": attempt, "cause": FailureCause.TESTS_FAILED, "reason": "flaky"}
        await answer(stand, orders[:1], FAILED, **more)
    ended = await one_of(stand, deployment)
    assert (ended.state, ended.reason) == (DeliveryState.FAILED, "failed in 2 attempts, the last time: flaky")
    other = await stand.deploy(rollout=policy(retries={"download_failed": 0}))
    await answer(stand, await stand.look(), FAILED, cause=FailureCause.DOWNLOAD_FAILED, reason="404")
    assert (await one_of(stand, other)).state is DeliveryState.FAILED


async def test_accounts_are_bound_when_their_node_is_let_go() -> None:
    """Otherwise an aborted rollout would have taken accounts on nodes that it never reached."""
    stand = await fleet(3)
    deployment = await stand.deploy(bind="all", rollout=policy(groups=[1, "100%"]))
    await stand.look()
    await stand.steer.abort(deployment.id)
    async with stand.store.begin() as transaction:
        assert await transaction.bindings.of(["n-00", "n-01", "n-02"]) == {"n-00": {"*": "greeter"}}


async def test_what_a_newer_deployment_takes_over_does_not_hold_up_the_older_one() -> None:
    """Otherwise a canary that was taken over would stop everybody else for ever."""
    stand = await fleet(4)
    older = await stand.deploy(rollout=policy(groups=[2, "100%"]))
    canary = await stand.look()
    await stand.push("newer")
    await stand.deploy("n-00")
    await answer(stand, [order for order in canary if order.node_id == "n-01"])
    assert {order.node_id for order in await stand.look() if order.artifact.version == 1} == {"n-02", "n-03"}
    assert (await states(stand, older))["n-00"] == "superseded"
