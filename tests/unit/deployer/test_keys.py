"""The keys that orders are signed with: made once, changed without a node that cannot follow."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from services.deployer.domain.nodes import Node
from services.deployer.domain.signing_keys import KEPT_RETIRED, OVERLAP, PATIENCE, KeyState, NoKeys, Purpose
from services.deployer.key_ring import KeyRing
from services.deployer.signing_bus import SigningBus
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.use_cases.keep_trust import AGAIN_SECONDS, KeepTrust
from services.deployer.use_cases.keys import DeployerKeys
from shared.clock import VirtualClock
from shared.contracts.contract import Contract
from shared.contracts.deliveries import ForgetDelivery
from shared.contracts.fleet import NodeStatus
from shared.contracts.trust import TrustKeys
from shared.messaging import PublishFailed
from shared.signing import BadSignature, check_signature

AT = datetime(2026, 1, 1, tzinfo=UTC)
ANOTHER = SecretStr(bytes(range(32)).hex())
ORDER = ForgetDelivery(node_id="n", delivery_id="dlv_" + "0" * 32, called_off_at=AT)


@dataclass
class Sent:
    """A bus that keeps what is published."""

    messages: list[Contract] = field(default_factory=list)

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Keep it."""
        self.messages.append(message)


class Desk:
    """A deployer's keys on a store in memory, and nodes that go by them."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = InMemoryStore()
        self.ring = KeyRing(b"secret-of-the-tests")
        self.keys = DeployerKeys(self.store, self.ring, self.clock)
        self.trust = KeepTrust(self.store, self.keys, self.clock)
        self.seq = 0

    async def sees(self, node_id: str, serial: int | None, status: NodeStatus = NodeStatus.ONLINE) -> None:
        """The registry has observed a node that goes by this serial."""
        self.seq += 1
        node = Node(node_id, status, {}, "remote", 1, self.seq, (), self.clock.now(), keys_serial=serial)
        async with self.store.begin() as transaction:
            await transaction.nodes.save([node])

    async def told(self, seconds: float = 2.0) -> list[TrustKeys]:
        """The orders of a step after some time."""
        self.store.announced.clear()
        await self.clock.run_for(seconds)
        await self.trust.step()
        return [each for each in self.store.announced if isinstance(each, TrustKeys)]

    def states(self) -> list[KeyState]:
        """The signing keys' states, the oldest first."""
        return [key.state for key in self.keys.opened.keys.keys if key.purpose is Purpose.SIGNING]

    def public(self) -> dict[str, bytes]:
        """The signing keys that are trusted."""
        keys = self.keys.opened.keys
        return {key_id: keys.key(key_id).public for key_id in keys.trusted.signing}


@pytest.fixture
async def desk() -> Desk:
    """A deployer after its first start."""
    desk = Desk()
    await desk.keys.refresh()
    return desk


async def test_keys_are_made_once_and_every_replica_has_the_same(desk: Desk) -> None:
    """Replicas that sign with keys of their own would cut nodes off in turns."""
    other = DeployerKeys(desk.store, KeyRing(b"secret-of-the-tests"), desk.clock)
    await other.refresh()
    assert other.opened.trusted == desk.keys.opened.trusted
    assert other.signer().key_id == desk.keys.signer().key_id
    assert len(other.opening()) == 1
    stranger = DeployerKeys(desk.store, KeyRing(b"another-secret-of-tests"), desk.clock)
    await stranger.refresh()
    with pytest.raises(NoKeys, match="does not open"):
        stranger.signer()


async def test_every_order_leaves_signed_and_none_without_a_key(desk: Desk) -> None:
    """One order that was forgotten would be refused by every node."""
    sent = Sent()
    await SigningBus(sent, desk.keys.signer).publish(ORDER)
    (message,) = sent.messages
    assert isinstance(message, ForgetDelivery)
    check_signature(ForgetDelivery.model_validate_json(message.model_dump_json()), desk.public())
    with pytest.raises(PublishFailed, match="orders cannot be signed"):
        await SigningBus(sent, DeployerKeys(desk.store, desk.ring, desk.clock).signer).publish(ORDER)


async def test_an_order_of_an_older_versions_outbox_is_signed_as_it_is_sent(desk: Desk) -> None:
    """After an upgrade what waited in the outbox would be refused as altered."""
    old = ForgetDelivery.model_validate_json(ORDER.model_dump_json(exclude={"reason", "signature"}))
    sent = Sent()
    await SigningBus(sent, desk.keys.signer).publish(old)
    received = ForgetDelivery.model_validate_json(sent.messages[0].model_dump_json())
    check_signature(received, desk.public())


async def test_a_rotation_goes_on_as_nodes_come_along(desk: Desk) -> None:
    """Nodes would get orders signed with a key that they have never heard of."""
    for node_id in ("a", "b"):
        await desk.sees(node_id, 1)
    await desk.sees("gone", 1, NodeStatus.OFFLINE)
    await desk.sees("a-worker", None)
    assert await desk.told() == []
    first = desk.keys.signer().key_id
    await desk.keys.rotate()
    orders = await desk.told()
    assert sorted(order.node_id for order in orders) == ["a", "b"]
    assert {order.signature.key_id for order in orders if order.signature} == {first}
    assert {order.keys.serial for order in orders} == {2} and len(orders[0].keys.signing) == 2
    await desk.sees("a", 2)
    assert await desk.told() == [] and desk.keys.signer().key_id == first
    assert [order.node_id for order in await desk.told(AGAIN_SECONDS)] == ["b"]
    await desk.sees("b", 2)
    await desk.told()
    assert desk.keys.signer().key_id != first and desk.states() == [KeyState.FORMER, KeyState.CURRENT]
    await desk.told(OVERLAP.total_seconds())
    assert desk.states() == [KeyState.RETIRED, KeyState.CURRENT]
    assert sorted(order.node_id for order in await desk.told()) == ["a", "b"]
    assert desk.keys.opened.trusted.serial == 3 and len(desk.keys.opened.trusted.signing) == 1


async def test_a_node_that_missed_it_all_is_told_with_the_last_key_that_it_trusts(desk: Desk) -> None:
    """A machine that was off for a week would have to be let in again by hand."""
    first = desk.public()
    await desk.keys.rotate()
    await desk.told()
    await desk.told(OVERLAP.total_seconds())
    await desk.sees("late", 1)
    (order,) = await desk.told()
    check_signature(order, first)
    assert order.keys == desk.keys.opened.trusted
    with pytest.raises(BadSignature):
        check_signature(order, desk.public())


async def test_a_node_that_does_not_come_along_holds_nobody_up_for_ever(desk: Desk) -> None:
    """One machine with a full disk would stop a rotation that is urgent."""
    await desk.sees("stuck", 1)
    await desk.keys.rotate()
    await desk.told()
    assert desk.states() == [KeyState.CURRENT, KeyState.NEXT]
    await desk.told(PATIENCE.total_seconds())
    assert desk.states() == [KeyState.FORMER, KeyState.CURRENT]


async def test_old_keys_are_kept_for_stragglers_but_not_without_end(desk: Desk) -> None:
    """The table would grow with each rotation; or the node before last would be lost."""
    for _ in range(KEPT_RETIRED + 3):
        outcome: Any = await desk.keys.rotate()
        assert outcome.trusted
        await desk.told()
        await desk.told(OVERLAP.total_seconds())
    assert desk.states() == [KeyState.RETIRED] * KEPT_RETIRED + [KeyState.CURRENT]
    await desk.sees("very-late", 1)
    assert await desk.told() == []


async def test_one_rotation_at_a_time_and_serials_only_rise(desk: Desk) -> None:
    """Two rotations at once would leave nodes that trust neither key; a serial twice would be taken for known."""
    await desk.sees("from-the-future", 7)
    outcome: Any = await desk.keys.rotate()
    assert outcome.trusted.serial == 8
    again: Any = await desk.keys.rotate()
    assert "every online node" in again.waits_for


async def test_keys_are_sealed_anew_under_another_master_key(desk: Desk) -> None:
    """The old master key could never be taken away."""
    before = desk.keys.opened.trusted
    newer = KeyRing(b"secret-of-the-tests", keys=ANOTHER)
    await DeployerKeys(desk.store, newer, desk.clock).refresh()
    alone = DeployerKeys(desk.store, KeyRing(b"another-secret-behind", keys=ANOTHER), desk.clock)
    await alone.refresh()
    assert alone.opened.trusted == before
