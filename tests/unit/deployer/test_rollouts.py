"""Rollouts in virtual time: the use cases and the jobs together, on the in-memory store."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.rollout import Rollout
from services.deployer.use_cases.order_again import LeftAlone, NothingToRetry, RolledBack
from services.deployer.use_cases.steer_deployment import NoSuchDeployment, NotPossible, OtherPlan
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, FailureCause, ForgetDelivery
from shared.contracts.deployments import DeliveryChanged, DeliveryState, DeploymentChanged, DeploymentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import content_hash
from tests.unit.deployer.making import HASH, report, seen
from tests.unit.deployer.stand import Stand

RECEIVED, APPLIED, FAILED = DeliveryOutcome.RECEIVED, DeliveryOutcome.APPLIED, DeliveryOutcome.FAILED
UNKNOWN = "dep_" + "f" * 32


def policy(**rollout: Any) -> Rollout:
    """A policy as it is written."""
    return Rollout.model_validate(rollout)


async def fleet(count: int) -> Stand:
    """A stand with a script and so many online nodes, n-00 and so on."""
    stand = Stand()
    await stand.push()
    await stand.see(*(f"n-{number:02}" for number in range(count)))
    return stand


async def answer(stand: Stand, orders: list[DeliverArtifact], *outcomes: DeliveryOutcome, **more: Any) -> None:
    """Let nodes report on orders; by default that they have applied them."""
    found = await stand.every()
    for outcome in outcomes or (APPLIED,):
        await stand.tell_all([report(found[order.delivery_id], outcome, **more) for order in orders])


def nodes(orders: list[DeliverArtifact]) -> list[str]:
    """Who was sent to."""
    return sorted(order.node_id for order in orders)


async def states(stand: Stand, deployment: Deployment) -> dict[str, str]:
    """The states of a deployment's deliveries by node."""
    return {name: one.state.value for name, one in (await stand.deliveries(deployment)).items()}


async def one_of(stand: Stand, deployment: Deployment, node_id: str = "n-00") -> Delivery:
    """The delivery to a node."""
    return (await stand.deliveries(deployment))[node_id]


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


async def test_a_plan_shows_everything_and_does_nothing_until_it_is_approved() -> None:
    """Otherwise an operator would approve what nobody has shown."""
    stand = await fleet(3)
    ours = Artifact(id="greeter", version=1, hash=HASH)
    await stand.tell_all([seen("n-00", seq=2, loaded=ours)])
    await stand.push("desk", "desk")
    await stand.order_script("desk", "n-00", "n-01", bind="all")
    await stand.push("newer")
    plan = await stand.deploy(bind="all", rollout=policy(groups=[1, "100%"], approval=True))
    assert plan.state is DeploymentState.PLANNED
    assert not [order for order in await stand.look(60) if order.artifact.id == "greeter"]
    found = await stand.browse.plan(plan.id, None, 10)
    assert found is not None
    first, second, third = found[1]
    assert (first.node_id, first.group, first.has and (first.has.version, first.has.hash)) == ("n-00", 1, (1, HASH))
    assert (second.has, second.group, third.loses) == (None, 2, ())
    assert first.will_have.version == 2 and first.will_have.accounts == "all"
    assert [(lost.script_id, lost.accounts, lost.gone) for lost in first.loses] == [("desk", "all", True)]
    assert await stand.steer.approve(plan.id, HASH) == OtherPlan(plan.plan_hash)
    assert plan.plan_hash is not None
    await stand.see("n-03")
    running = await stand.steer.approve(plan.id, plan.plan_hash)
    assert isinstance(running, Deployment) and running.state is DeploymentState.RUNNING
    await answer(stand, [order for order in await stand.look() if order.artifact.version == 2])
    await answer(stand, [order for order in await stand.look() if order.artifact.version == 2])
    assert (await stand.deployment(plan)).totals == {DeliveryState.VERIFIED: 3}
    assert stand.endings(plan) == ["planned", "running", "succeeded"]


async def test_the_hash_of_a_plan_is_of_all_that_it_does() -> None:
    """Otherwise an approval could be used for another plan."""
    stand = await fleet(3)
    wanted: list[dict[str, Any]] = [{}, {"groups": [1, "100%"]}, {"success_percent": 50}, {"deadline_seconds": 60}]
    hashes = {(await stand.deploy(rollout=policy(approval=True, **each))).plan_hash for each in wanted}
    hashes.add((await stand.deploy("n-00", rollout=policy(approval=True))).plan_hash)
    hashes.add((await stand.deploy(bind="all", rollout=policy(approval=True))).plan_hash)
    assert len(hashes) == 6
    assert (await stand.deploy(rollout=policy(approval=True))).plan_hash in hashes


async def test_a_plan_that_nobody_approves_is_canceled_in_time() -> None:
    """Otherwise somebody could start next month what was planned for the fleet of today."""
    stand = await fleet(1)
    plan = await stand.deploy(rollout=policy(approval=True))
    await stand.look(24 * 3600 + 60, step=60)
    ended = await stand.deployment(plan)
    assert ended.state is DeploymentState.CANCELED and "nobody approved its plan" in (ended.reason or "")
    assert ended.plan_hash is not None
    assert await stand.steer.approve(plan.id, ended.plan_hash) == NotPossible(DeploymentState.CANCELED)


async def test_an_approved_plan_is_newer_than_what_was_deployed_after_it_was_made() -> None:
    """Otherwise nodes would refuse what was approved last, because it was planned first."""
    stand = await fleet(1)
    plan = await stand.deploy(rollout=policy(approval=True))
    await stand.push("newer")
    between = await stand.deploy()
    await stand.look(10)
    assert plan.plan_hash is not None
    await stand.steer.approve(plan.id, plan.plan_hash)
    (order,) = [each for each in await stand.look() if each.artifact.version == 1]
    assert between.ordered_at is not None and order.issued_at > between.ordered_at
    assert (await one_of(stand, between)).state is DeliveryState.SUPERSEDED


async def test_a_deployment_starts_at_its_time() -> None:
    """Otherwise a rollout for tonight would begin now, or an old one would be superseded hours before."""
    stand = await fleet(2)
    running = await stand.deploy("n-00")
    await stand.look()
    at = stand.clock.now() + timedelta(hours=2)
    scheduled = await stand.deploy(rollout=policy(start_at=at.isoformat()))
    assert scheduled.state is DeploymentState.SCHEDULED
    await stand.look(2 * 3600 - 1, step=60)
    assert (await one_of(stand, running)).state is DeliveryState.SENT
    assert len(await stand.look(2)) == 2
    assert (await one_of(stand, running)).state is DeliveryState.SUPERSEDED
    assert stand.endings(scheduled) == ["scheduled", "running"]


async def test_a_scheduled_deployment_can_be_called_off() -> None:
    """Otherwise it would begin in the night although nobody wants it any more."""
    stand = await fleet(1)
    at = stand.clock.now() + timedelta(hours=1)
    scheduled = await stand.deploy(rollout=policy(start_at=at.isoformat()))
    await stand.steer.abort(scheduled.id)
    assert await stand.look(7200, step=60) == []
    assert stand.endings(scheduled) == ["scheduled", "canceled"]


async def test_the_first_send_waits_for_the_window_of_each_node() -> None:
    """Otherwise a node in Tokyo would change its script at noon."""
    stand = Stand()
    await stand.push()
    zones = {"tokyo": "Asia/Tokyo", "berlin": "Europe/Berlin", "nowhere": None}
    await stand.tell_all([seen(name, node=NodeFacts(time_zone=zone)) for name, zone in zones.items()])
    deployment = await stand.deploy(rollout=policy(window={"from": "22:00", "to": "23:00"}))
    first: dict[str, int] = {}
    for minute in range(0, 24 * 60, 10):
        for order in await stand.look(600, step=300):
            first.setdefault(order.node_id, (minute + 10) // 60)
    assert first == {"tokyo": 13, "berlin": 21, "nowhere": 22}
    assert (await stand.deployment(deployment)).held == 0


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
    made = {one.artifact.version: one for one in rolled.deployments}
    assert {version: each.total for version, each in made.items()} == {1: 2, 2: 1}
    assert all(each.rollback_of == deployment.id for each in rolled.deployments)
    assert rolled.left_alone == (
        LeftAlone("n-03", "it had no version of the script before"),
        LeftAlone("n-04", "what it had is not known here: push that script again and deploy it"),
        LeftAlone("n-05", "nothing was sent to it"),
    )
    ended = await stand.deployment(deployment)
    assert (ended.state, ended.reason, ended.remaining) == (DeploymentState.ABORTED, "rolled back", 0)
    back = await stand.look()
    assert {(order.node_id, order.artifact.version) for order in back} == {("n-00", 1), ("n-01", 1), ("n-02", 2)}
    assert await stand.again.rollback(UNKNOWN) == NoSuchDeployment()


async def test_a_plan_that_never_began_cannot_be_rolled_back() -> None:
    """Otherwise nodes that nobody has touched would be sent to."""
    stand = await fleet(1)
    plan = await stand.deploy(rollout=policy(approval=True))
    assert await stand.again.rollback(plan.id) == NotPossible(DeploymentState.PLANNED)


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
