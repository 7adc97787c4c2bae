"""Deliveries in the store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.domain.rollout import Limits, Timers
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState
from shared.contracts.fleet import NodeStatus
from tests.contract.deployer.conftest import Side
from tests.contract.deployer.rows import deployment, with_deployment
from tests.unit.deployer.making import HASH, OTHER_HASH, START, delivery, node


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
