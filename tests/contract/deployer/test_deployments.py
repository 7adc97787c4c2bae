"""Deployments in the store, their plans, and whom they do not reach."""

from datetime import timedelta
from typing import Any

from services.deployer.domain.deployment_rows import DeploymentQuestion
from services.deployer.domain.deployments import Group, Progress
from services.deployer.domain.plans import Had, Lost, PlanEntry
from services.deployer.domain.rollout import Rollout
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState, DeploymentState
from tests.contract.deployer.conftest import Side
from tests.contract.deployer.rows import deployment, with_deployment
from tests.unit.deployer.making import HASH, OTHER_HASH, START, new_script, node

POLICY: dict[str, Any] = {
    "rollout": Rollout.model_validate(
        {
            "groups": [1, "10%", "100%"],
            "rate": {"per_minute": 30},
            "stop": [{"failed_percent": 50, "causes": ["timed_out"], "then": "abort"}],
            "timers": {"apply_seconds": 60},
            "retries": {"download_failed": 1},
            "start_at": "2026-01-01T00:00:00Z",
            "window": {"from": "22:00", "to": "04:00", "days": ["mon"], "time_zone": "Asia/Tokyo"},
            "dynamic": True,
        }
    ),
    "plan_hash": OTHER_HASH,
    "retry_of": "dep_" + "e" * 32,
    "rollback_of": "dep_" + "f" * 32,
    "removes": True,
    "bindings": {"*": "greeter", "acc-1": "other"},
}


async def test_a_deployment_is_kept_whole(side: Side) -> None:
    """Otherwise an operator would not see what was ordered and what became of it."""
    ended = deployment(
        state=DeploymentState.FAILED,
        reason="2 of 2 nodes failed",
        finished_at=START,
        total=3,
        totals={DeliveryState.VERIFIED: 1, DeliveryState.FAILED: 1},
        progress=Progress(
            groups=(Group(1, 0, {DeliveryState.VERIFIED: 1}), Group(2, 1, {DeliveryState.FAILED: 1})),
            causes={"tests_failed": 1},
            credit=0.25,
            credit_at=START,
            waived=1,
            forgiven={"timed_out": 1},
            forgiven_ended=1,
            zones=("Asia/Tokyo", "UTC"),
            recruit=True,
        ),
        ordered_at=START + timedelta(seconds=2),
        deadline_at=START + timedelta(days=1),
        next_look_at=START + timedelta(seconds=3),
        open_ended=True,
        **POLICY,
    )
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
        await transaction.deployments.add(deployment(**POLICY))
        assert await transaction.deployments.one(ended.id) == deployment(**POLICY)
        assert await transaction.deployments.newest_order("greeter") is None
        await transaction.deployments.save([ended])
        assert await transaction.deployments.newest_order("greeter") == ended.ordered_at
        assert await transaction.deployments.newest_order("other") is None
        assert await transaction.deployments.lock([ended.id, "dep_" + "f" * 32]) == [ended]
        assert await transaction.deployments.one("dep_" + "f" * 32) is None


async def test_deployments_are_listed_newest_first_and_filtered(side: Side) -> None:
    """Otherwise the page of deployments would lose or repeat rows while new ones come in."""
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
        await transaction.scripts.add(new_script("other"), START)
        for number in range(3):
            await transaction.deployments.add(deployment(number))
        failed = Artifact(id="other", version=1, hash=HASH)
        await transaction.deployments.add(deployment(3, artifact=failed, state=DeploymentState.FAILED))
        first = await transaction.deployments.page(DeploymentQuestion(), None, 2)
        rest = await transaction.deployments.page(DeploymentQuestion(), (first[-1].created_at, first[-1].id), 9)
        of_script = await transaction.deployments.page(DeploymentQuestion(script_id="greeter"), None, 9)
        of_state = await transaction.deployments.page(DeploymentQuestion(state=DeploymentState.FAILED), None, 9)
    assert [one.id[-1] for one in first + rest] == ["3", "2", "1", "0"]
    assert [one.id[-1] for one in of_script] == ["2", "1", "0"]
    assert [one.id[-1] for one in of_state] == ["3"]


async def test_deployments_are_looked_at_when_their_time_has_come(side: Side) -> None:
    """Otherwise a rollout would stand still, or every poll would read all deployments that ever were."""
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
        for number in range(3):
            at = START + timedelta(seconds=5 - number) if number else None
            await transaction.deployments.add(deployment(number, next_look_at=at, open_ended=number == 2))
        soon = await transaction.deployments.claim_looks(START + timedelta(seconds=3), 9)
        later = await transaction.deployments.claim_looks(START + timedelta(seconds=4), 9)
        assert await transaction.deployments.open_ended("greeter") == [deployment(2).id]
        assert await transaction.deployments.open_ended("other") == []
        assert await transaction.deployments.open_ended(None) == [deployment(2).id]
    assert [one.id for one in soon] == [deployment(2).id]
    assert [one.id for one in later] == [deployment(2).id, deployment(1).id]


async def test_plans_are_kept_and_paged_by_group_and_node(side: Side) -> None:
    """Otherwise an operator would approve something else than what was read."""
    loss = Lost(script_id="other", accounts=("acc-1",), gone=True)
    entries = [
        PlanEntry(
            node_id=name,
            group=group,
            has=Had(version=None, hash=OTHER_HASH) if group == 1 else None,
            will_have=Had(version=1, hash=HASH, accounts="all"),
            loses=(loss,),
            zone="UTC",
        )
        for group, name in ((1, "z"), (2, "a"), (2, "b"))
    ]
    async with side.store.begin() as transaction:
        await with_deployment(transaction)
        await transaction.plans.add(deployment().id, entries[1:])
        await transaction.plans.add(deployment().id, entries[:1])
        assert await transaction.plans.whole(deployment().id) == entries
        assert await transaction.plans.page(deployment().id, None, 2) == entries[:2]
        assert await transaction.plans.page(deployment().id, (2, "a"), 2) == entries[2:]
        assert await transaction.plans.whole(deployment(1).id) == []
    async with side.store.begin() as transaction:
        await transaction.plans.replace(deployment().id, entries[1:])
    async with side.store.begin() as transaction:
        assert await transaction.plans.whole(deployment().id) == entries[1:]


async def test_strangers_are_the_nodes_that_a_deployment_does_not_reach(side: Side) -> None:
    """Otherwise late joiners would be missed, or joined twice."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a")
        await transaction.nodes.save([node("a"), node("b", time_zone="Asia/Tokyo")])
        (stranger,) = await transaction.nodes.strangers(deployment().id)
    assert (stranger.node_id, stranger.time_zone) == ("b", "Asia/Tokyo")
