"""What every store of the deployer does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.domain.deployment_rows import DeploymentQuestion
from services.deployer.domain.deployments import Deployment, Group, Progress
from services.deployer.domain.plans import Had, Lost, PlanEntry
from services.deployer.domain.ports import Transaction
from services.deployer.domain.rollout import Limits, Rollout, Timers
from shared.contracts.artifacts import AppliedArtifact, Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from tests.contract.deployer.conftest import Side
from tests.unit.deployer.making import HASH, OTHER_HASH, START, delivery, new_script, node, seen


def deployment(number: int = 0, **changes: object) -> Deployment:
    """A running deployment of `greeter`, number `number`."""
    plain = Deployment(
        id=f"dep_{number:032x}",
        artifact=Artifact(id="greeter", version=1, hash=HASH),
        bind=["acc-1"],
        targets={"selector": "region=eu"},
        created_at=START + timedelta(seconds=number),
        total=2,
        totals={DeliveryState.PENDING: 2},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


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


async def with_deployment(transaction: Transaction, *node_ids: str) -> None:
    """A script, a deployment of it and one pending delivery to each node."""
    await transaction.scripts.add(new_script(), START)
    await transaction.deployments.add(deployment())
    await transaction.deliveries.add(
        [delivery(id=f"dlv_{place:032x}", node_id=node_id) for place, node_id in enumerate(node_ids)]
    )


async def test_versions_of_a_script_count_from_one_and_the_same_content_is_one_version(side: Side) -> None:
    """Otherwise pushing twice makes two versions of the same thing, and nodes reload for nothing."""
    async with side.store.begin() as transaction:
        first = await transaction.scripts.add(new_script(body="one"), START)
        second = await transaction.scripts.add(new_script(body="two"), START)
        again = await transaction.scripts.add(new_script(body="one"), START + timedelta(hours=1))
    assert [first.version.info.artifact.version, second.version.info.artifact.version] == [1, 2]
    assert [first.added, second.added, again.added] == [True, True, False]
    assert again.version == first.version


async def test_versions_are_found_by_number_hash_and_script(side: Side) -> None:
    """Otherwise an order would carry another text than the one that was deployed."""
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(body="one \u00e9\n"), START)
        await transaction.scripts.add(new_script(body="two"), START)
        await transaction.scripts.add(new_script("other", "three"), START)
        newest = await transaction.scripts.newest(["greeter", "other", "nobody"])
        latest = await transaction.scripts.version("greeter", newest["greeter"].artifact.version)
        first = await transaction.scripts.version("greeter", 1)
        by_hash = await transaction.scripts.by_hash(content_hash(b"three"))
        several = await transaction.scripts.contents([("greeter", 1), ("other", 1), ("other", 9)])
        versions = await transaction.scripts.versions("greeter")
    assert latest is not None and latest.body == "two"
    assert {script_id: info.artifact.version for script_id, info in newest.items()} == {"greeter": 2, "other": 1}
    assert first is not None and (first.body, first.info.size) == ("one \u00e9\n", 7)
    assert by_hash is not None and by_hash.info.artifact.id == "other"
    assert {key: version.body for key, version in several.items()} == {
        ("greeter", 1): "one \u00e9\n",
        ("other", 1): "three",
    }
    assert [info.artifact.version for info in versions] == [2, 1]


async def test_unknown_scripts_are_nothing(side: Side) -> None:
    """Otherwise a typing mistake in an id would look like a fault of the service."""
    async with side.store.begin() as transaction:
        assert not await transaction.scripts.lock("nobody")
        assert await transaction.scripts.newest(["nobody"]) == {}
        assert await transaction.scripts.version("nobody", 1) is None
        assert await transaction.scripts.versions("nobody") == []
        assert await transaction.scripts.by_hash(OTHER_HASH) is None


async def test_scripts_are_listed_by_id_in_pages(side: Side) -> None:
    """Otherwise a page would repeat or skip scripts."""
    async with side.store.begin() as transaction:
        for script_id in ("b", "a-1", "a", "c", "a_1"):
            await transaction.scripts.add(new_script(script_id), START)
        first = await transaction.scripts.page(None, 3)
        rest = await transaction.scripts.page(first[-1].latest.artifact.id, 3)
    assert [one.latest.artifact.id for one in first + rest] == ["a", "a-1", "a_1", "b", "c"]


async def test_nodes_are_kept_whole_and_only_rise(side: Side) -> None:
    """Otherwise an old observation that comes late would bring back an old state."""
    loaded = AppliedArtifact(id="greeter", version=1, hash=HASH, tests_passed=True)
    new = node(labels={"region": "eu"}, boot=2, seq=5, artifacts=(loaded,), source="local")
    async with side.store.begin() as transaction:
        await transaction.nodes.save([new, node("b", status=NodeStatus.OFFLINE)])
        await transaction.nodes.save([node(boot=1, seq=9)])
        known = await transaction.nodes.lock(["a", "nobody"])
        everybody = await transaction.nodes.all()
    assert known == {"a": new}
    assert {one.node_id: one.online for one in everybody} == {"a": True, "b": False}


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


async def test_a_delivery_is_kept_whole(side: Side) -> None:
    """Otherwise retries would be counted wrongly or a reason would get lost."""
    limits = Limits(timers=Timers(receive_seconds=9), retries={"tests_failed": 2})
    fixed: dict[str, Any] = {"group": 2, "zone": "Asia/Tokyo", "limits": limits}
    changed = delivery(
        DeliveryState.SENT,
        reason="disk full",
        cause=FailureCause.STORAGE_FAILED,
        attempts=3,
        failed_attempts=(1, 3),
        reported_hash=OTHER_HASH,
        released=False,
        next_attempt_at=START + timedelta(seconds=9),
        entered_at=START + timedelta(seconds=1),
        updated_at=START + timedelta(seconds=1),
        **fixed,
    )
    async with side.store.begin() as transaction:
        await with_deployment(transaction)
        await transaction.deliveries.add([delivery(**fixed)])
        assert await transaction.deliveries.lock([changed.id], []) == [delivery(**fixed)]
        await transaction.deliveries.save([changed])
    async with side.store.begin() as transaction:
        assert await transaction.deliveries.lock([changed.id], []) == [changed]
        assert await transaction.deliveries.page(changed.deployment_id, None, 5) == [changed]


async def test_only_what_is_due_and_not_final_is_claimed_with_its_context(side: Side) -> None:
    """Otherwise finished deliveries would be sent again, or due ones never."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a", "b", "c", "d")
        await transaction.nodes.save([node("a"), node("b", status=NodeStatus.OFFLINE)])
        later = delivery(id=f"dlv_{2:032x}", node_id="c", next_attempt_at=START + timedelta(seconds=1))
        done = delivery(DeliveryState.VERIFIED, id=f"dlv_{3:032x}", node_id="d")
        await transaction.deliveries.save([later, done])
        claimed = await transaction.deliveries.claim_due(START, 10)
        assert {(due.delivery.node_id, due.node_online) for due in claimed} == {("a", True), ("b", False)}
        assert claimed[0].bind == ["acc-1"]
        assert len(await transaction.deliveries.claim_due(START + timedelta(seconds=1), 2)) == 2


async def test_only_what_was_sent_to_an_online_node_is_pulled_forward(side: Side) -> None:
    """Nodes that are away would be asked every few seconds, or an order that came back would wait for a minute."""
    later = START + timedelta(minutes=1)
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a", "b", "c", "d", "e")
        await transaction.nodes.save([node(name) for name in "acde"] + [node("b", status=NodeStatus.OFFLINE)])
        rows = [
            delivery(
                DeliveryState.VERIFIED if name == "d" else DeliveryState.SENT,
                id=f"dlv_{number:032x}",
                node_id=name,
                attempts=0 if name == "c" else 3,
                next_attempt_at=START if name == "e" else later,
            )
            for number, name in enumerate("abcde")
        ]
        await transaction.deliveries.save(rows)
    async with side.store.begin() as transaction:
        await transaction.deliveries.pull_forward([one.id for one in rows], START + timedelta(seconds=5))
        found = await transaction.deliveries.lock([one.id for one in rows], [])
    waits = {one.node_id: (one.next_attempt_at - START).total_seconds() for one in found}
    assert waits == {"a": 5, "b": 60, "c": 60, "d": 60, "e": 0}


async def test_locking_finds_named_and_open_deliveries(side: Side) -> None:
    """Otherwise an observation of a node would not reach the deliveries on their way to it."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a", "b", "c")
        done = delivery(DeliveryState.VERIFIED, id=f"dlv_{2:032x}", node_id="c")
        await transaction.deliveries.save([done])
        found = await transaction.deliveries.lock([f"dlv_{0:032x}"], ["b", "c"])
        assert [one.node_id for one in found] == ["a", "b"]
        assert [one.node_id for one in await transaction.deliveries.lock_open("greeter", ["b", "c"])] == ["b"]
        assert await transaction.deliveries.lock_open("other", ["b"]) == []


async def test_deliveries_are_paged_by_node(side: Side) -> None:
    """Otherwise the page of a rollout to thousands of nodes would repeat or skip nodes."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "c", "a", "b")
        first = await transaction.deliveries.page(deployment().id, None, 2)
        rest = await transaction.deliveries.page(deployment().id, first[-1].node_id, 2)
    assert [one.node_id for one in first + rest] == ["a", "b", "c"]


async def test_a_node_has_one_open_delivery_of_a_script(side: Side) -> None:
    """Otherwise two versions would race on a node and the older could win."""
    with pytest.raises(Exception, match=r"deliveries_open|open delivery"):
        async with side.store.begin() as transaction:
            await with_deployment(transaction, "a")
            await transaction.deliveries.add([delivery(id="dlv_" + "f" * 32)])


async def test_what_a_committed_transaction_announces_is_in_the_outbox_and_rings(side: Side) -> None:
    """Otherwise a change would be committed and nobody told."""
    async with side.store.begin() as transaction:
        await transaction.announce([seen("a")])
        assert side.rings == []
    async with side.store.begin() as transaction:
        await transaction.scripts.lock("nobody")
    assert await side.announced() == [seen("a")]
    assert side.rings == [None]


async def test_a_failed_transaction_leaves_nothing_behind(side: Side) -> None:
    """Otherwise an order could be published for a delivery that does not exist."""
    with pytest.raises(RuntimeError, match="halfway"):
        async with side.store.begin() as transaction:
            await with_deployment(transaction, "a")
            await transaction.announce([seen("a")])
            raise RuntimeError("halfway")
    async with side.store.begin() as transaction:
        assert not await transaction.scripts.lock("greeter")
        assert await transaction.deployments.one(deployment().id) is None
    assert await side.announced() == []
    assert side.rings == []


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


async def test_what_is_held_back_is_found_by_group_and_time_zone(side: Side) -> None:
    """Otherwise the wrong nodes would be let go, or a window of another time zone would count."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction)
        held = [("c", 2, "UTC"), ("a", 2, "UTC"), ("b", 2, "Asia/Tokyo"), ("d", 1, "UTC")]
        await transaction.deliveries.add(
            [
                delivery(id=f"dlv_{place:032x}", node_id=name, group=group, zone=zone, released=False)
                for place, (name, group, zone) in enumerate(held)
            ]
            + [delivery(id=f"dlv_{9:032x}", node_id="e", group=2)]
        )
        deliveries, of = transaction.deliveries, deployment().id
        assert [one.node_id for one in await deliveries.claim_held(of, 2, None, 2)] == ["a", "b"]
        assert [one.node_id for one in await deliveries.claim_held(of, 2, ["UTC"], 9)] == ["a", "c"]
        assert await deliveries.claim_held(of, 2, [], 9) == []
        assert [one.node_id for one in await deliveries.claim_unsent(of)] == ["e"]
        await deliveries.save([delivery(DeliveryState.SENT, id=f"dlv_{9:032x}", node_id="e", group=2)])
        assert await deliveries.claim_unsent(of) == []
        assert [one.node_id for one in await deliveries.lock_of(of)] == ["c", "a", "b", "d", "e"]
        assert [one.node_id for one in await deliveries.in_states(of, [DeliveryState.SENT])] == ["e"]


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


async def test_bindings_are_read_without_being_made(side: Side) -> None:
    """Otherwise to plan would write."""
    async with side.store.begin() as transaction:
        await transaction.bindings.lock(["a"])
        await transaction.bindings.save({"a": {"*": "greeter"}})
        assert await transaction.bindings.of(["a", "b"]) == {"a": {"*": "greeter"}}


async def test_bindings_are_empty_until_they_are_saved(side: Side) -> None:
    """Otherwise an order would not see what the order before it has bound, or would meet the bindings of others."""
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["b", "a"]) == {"a": {}, "b": {}}
        await transaction.bindings.save({"a": {"*": "greeter", "acc-1": "other"}})
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["a", "b"]) == {"a": {"*": "greeter", "acc-1": "other"}, "b": {}}


async def test_bindings_of_a_transaction_that_failed_are_not_kept(side: Side) -> None:
    """Otherwise a refused order would be compared with the next one."""
    with pytest.raises(RuntimeError, match="broken"):
        async with side.store.begin() as transaction:
            await transaction.bindings.lock(["a"])
            await transaction.bindings.save({"a": {"*": "greeter"}})
            raise RuntimeError("broken")
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["a"]) == {"a": {}}


async def test_what_is_applied_and_not_verified_is_told(side: Side) -> None:
    """A rollback would take away what a node runs, because its tests did not pass there."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a", "b", "c")
        first, second, third = await transaction.deliveries.lock_open("greeter", ["a", "b", "c"])
        applied = replace(first, state=DeliveryState.APPLIED, reported_hash=HASH)
        verified = replace(second, state=DeliveryState.VERIFIED)
        await transaction.deliveries.save([applied, verified])
    async with side.store.begin() as transaction:
        names = [first.node_id, second.node_id, third.node_id, "d"]
        assert await transaction.deliveries.applied("greeter", names) == [applied]
        assert await transaction.deliveries.applied("other", names) == []
        assert await transaction.deliveries.applied("greeter", names[1:]) == []
