"""What a deployment would do, shown before it does it; and when it begins."""

from datetime import timedelta
from typing import Any

from services.deployer.domain.deployments import Deployment
from services.deployer.use_cases.steer_deployment import ChangedSince, NotPossible, OtherPlan
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts
from tests.unit.deployer.making import HASH, seen
from tests.unit.deployer.rollouts import FAILED, answer, fleet, one_of, policy
from tests.unit.deployer.stand import Stand


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
    assert first.will_have is not None
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


async def test_a_script_of_all_accounts_loses_the_one_that_is_named() -> None:
    """All others go on with it, so that "all" play it before and after; an operator would see no loss."""
    stand = await fleet(1)
    await stand.push("desk", "desk")
    await stand.order_script("desk", "n-00", bind="all")
    plan = await stand.deploy(bind=["a-2", "a-1"], rollout=policy(approval=True))
    found = await stand.browse.plan(plan.id, None, 10)
    assert found is not None
    [[lost]] = [entry.loses for entry in found[1]]
    assert (lost.script_id, lost.accounts, lost.gone) == ("desk", ("a-1", "a-2"), False)


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


async def test_a_node_that_sleeps_through_its_window_gets_its_order_in_the_next() -> None:
    """It would change its script when somebody opens the lid, in the middle of the working day."""
    stand = await fleet(1)
    at = stand.clock.now()
    deployment = await stand.deploy(rollout=policy(window={"from": "02:00", "to": "03:00"}, deadline_seconds=200_000))
    [first, *_] = await stand.look(2.5 * 3600, step=300)
    assert first.apply_before == at + timedelta(hours=3)
    # It wakes at five, and what it has missed comes to it, for the window that is over.
    await stand.see("n-00", status=NodeStatus.OFFLINE, seq=2)
    await stand.look(2.5 * 3600, step=300)
    await stand.see("n-00", seq=3)
    late = (await stand.look())[-1]
    assert late.apply_before == first.apply_before
    await answer(stand, [late], FAILED, attempt=late.attempt, cause=FailureCause.TOO_LATE, reason="it is five here")
    assert await stand.look(20 * 3600, step=300) == []
    waiting = await stand.deployment(deployment)
    assert (waiting.state, waiting.held, dict(waiting.progress.causes)) == (DeploymentState.RUNNING, 1, {})
    again = (await stand.look(2 * 3600, step=300))[0]
    assert again.apply_before == at + timedelta(days=1, hours=3)
    await answer(stand, [again])
    assert stand.endings(deployment) == ["running", "succeeded"]


async def test_a_plan_is_held_against_what_has_changed_since() -> None:
    """A plan of yesterday would undo what has come since, and whoever approves it would not know."""
    stand = await fleet(2)
    await stand.push("newer")
    plan = await stand.deploy(bind="all", rollout=policy(groups=[1, "100%"], approval=True))
    assert plan.plan_hash is not None
    ours = Artifact(id="greeter", version=1, hash=HASH)
    await stand.tell_all([seen("n-01", seq=2, loaded=ours)])
    refused = await stand.steer.approve(plan.id, plan.plan_hash)
    assert isinstance(refused, ChangedSince)
    assert [(each.now.node_id, str(each)) for each in refused.differences] == [
        ("n-01", "it had nothing of the script when this was planned, and has version 1 now")
    ]
    assert (await stand.deployment(plan)).state is DeploymentState.PLANNED and await stand.look() == []
    begun = await stand.steer.approve(plan.id, plan.plan_hash, even_if_changed=True)
    assert isinstance(begun, Deployment) and begun.plan_hash != plan.plan_hash
    found = await stand.browse.plan(plan.id, None, 10)
    assert found is not None and found[0].plan_hash == begun.plan_hash
    assert [(entry.node_id, entry.group, entry.has and entry.has.version) for entry in found[1]] == [
        ("n-00", 1, None),
        ("n-01", 2, 1),
    ]


async def test_accounts_that_play_something_else_since_are_a_change_too() -> None:
    """What a plan says that others lose is what is approved."""
    stand = await fleet(1)
    plan = await stand.deploy(bind="all", rollout=policy(approval=True))
    await stand.push("desk", "desk")
    await stand.order_script("desk", "n-00", bind="all")
    refused = await stand.steer.approve(plan.id, str(plan.plan_hash))
    assert isinstance(refused, ChangedSince)
    assert str(refused.differences[0]) == "its accounts play something else than when this was planned"
