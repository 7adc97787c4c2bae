"""Whose orders an agent takes, and how it comes to trust another key."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.node_agent.domain.trust import Trust
from services.node_agent.use_cases.check_orders import TrustOtherKeys
from shared.clock import VirtualClock
from shared.contracts import names
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, FailureCause
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.keys import TrustedKeys
from shared.contracts.trust import TrustKeys
from shared.messaging.handling import Received
from shared.signing import Signer
from tests.component.node_agent.virtual_agent import World
from tests.support.agent.orders import NODE, order, script
from tests.support.agent.trusting import SIGNER, SIGNING, KeptInMemory, trust_of, trusted

AT = datetime(2026, 1, 1, tzinfo=UTC)
NEXT = b"t" * 32
STRANGER = Signer(b"x" * 32)


def unsigned(made: DeliverArtifact) -> DeliverArtifact:
    """The order without its signature."""
    return made.model_copy(update={"signature": None})


def keys(signer: Signer, serial: int, *signing: bytes, node_id: str = NODE) -> TrustKeys:
    """The word to go by other keys."""
    return signer.sign(TrustKeys(node_id=node_id, keys=trusted(serial, *signing), issued_at=AT))


def told(world: World) -> NodeFacts:
    """What the newest beat says of the node."""
    return world.registry.beats[-1].node


WRONG: list[tuple[DeliverArtifact, str]] = [
    (unsigned(order(script("hi"))), "not signed"),
    (STRANGER.sign(unsigned(order(script("hi")))), "does not trust. If the deployer was restored from an older copy"),
    (order(script("hi")).model_copy(update={"attempt": 7}), "altered"),
    (order(script("hi"), node_id="another-node"), "the order is for 'another-node'"),
]


@pytest.mark.parametrize(("made", "reason"), WRONG, ids=["unsigned", "strange", "altered", "another's"])
async def test_an_order_that_is_not_the_deployers_is_refused_and_told(
    world: World, made: DeliverArtifact, reason: str
) -> None:
    """Whoever gets into the broker would run scripts on every node."""
    async with world.running():
        world.bus.put(
            Received(
                queue=names.node_commands_queue(NODE).name,
                body=made.model_dump_json().encode(),
                type_name=made.TYPE,
                exchange=names.COMMANDS,
                routing_key=names.command_key(made.node_id),
            )
        )
        await world.clock.run_for(15)
        assert world.registry.reports == [] and world.files.files == {}
        assert reason in world.bus.dead[-1].reason
        refused = told(world).refused
        assert refused is not None and refused.count == 1 and reason in refused.reason


async def test_what_a_carrier_may_change_is_no_part_of_the_signature(world: World) -> None:
    """A node behind a link gets the content in the place of the URL."""
    made = order(script("hi"), content=None, url="http://origin/artifact?signed")
    async with world.running():
        await world.bus.publish(made.model_copy(update={"content": script("hi"), "url": None}))
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED


async def test_a_replay_is_answered_and_changes_nothing(world: World) -> None:
    """A recorded order would bring an old version back."""
    first, second = order(script("one"), 1), order(script("two"), 2)
    async with world.running():
        for each in (first, second, first):
            await world.bus.publish(each)
            await world.clock.run_for(5)
        assert world.registry.reports[-1].delivery_id == first.delivery_id
        assert world.registry.reports[-1].loaded_hash == second.artifact.hash
        never_seen = order(script("none"), 1, delivery_id="dlv_" + "7" * 32)
        await world.bus.publish(never_seen)
        await world.clock.run_for(5)
        assert world.registry.reports[-1].cause is FailureCause.OUT_OF_DATE


async def test_a_node_goes_from_one_key_to_the_next(world: World) -> None:
    """A rotation would cut every node off, or leave a retired key good for ever."""
    async with world.running():
        await world.bus.publish(keys(SIGNER, 2, SIGNING, NEXT))
        await world.clock.run_for(5)
        assert told(world).keys_serial == 2
        await world.bus.publish(Signer(NEXT).sign(unsigned(order(script("hi")))))
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
        await world.bus.publish(keys(Signer(NEXT), 3, NEXT))
        await world.bus.publish(order(script("ho"), 2))
        await world.clock.run_for(15)
        assert len(world.bus.dead) == 1
        assert [each.serial for each in world.kept.kept] == [2, 3]


async def test_older_and_strange_words_about_keys_change_nothing(world: World) -> None:
    """A recorded word would bring a key back that was retired because it leaked."""
    async with world.running():
        await world.bus.publish(keys(SIGNER, 3, SIGNING))
        await world.clock.run_for(2)
        await world.bus.publish(keys(SIGNER, 2, SIGNING, NEXT))
        await world.bus.publish(keys(STRANGER, 9, NEXT))
        altered = keys(SIGNER, 4, SIGNING).model_copy(update={"keys": trusted(9, NEXT)})
        await world.bus.publish(altered)
        await world.clock.run_for(15)
        assert [each.serial for each in world.kept.kept] == [3]
        assert told(world).keys_serial == 3


def test_a_field_of_a_later_version_is_signed_too() -> None:
    """What this version does not know could be added by anybody, and count after the next update."""
    trust: Trust = trust_of(NODE, VirtualClock())
    body: dict[str, Any] = json.loads(order(script("hi")).model_dump_json())
    assert trust.objection(DeliverArtifact.model_validate_json(json.dumps(body))) is None
    added = json.dumps(body | {"only_before": "midnight"})
    assert "altered" in str(trust.objection(DeliverArtifact.model_validate_json(added)))


async def test_of_two_words_about_keys_that_come_at_once_the_newer_one_stays() -> None:
    """A node that was away would go by keys that the deployer has replaced, if they were written last."""
    trust, written, go_on = trust_of(NODE, VirtualClock()), list[int](), asyncio.Event()

    class SlowDisk(KeptInMemory):
        async def keep(self, keys: TrustedKeys) -> None:
            if keys.serial == 2:
                await go_on.wait()
            written.append(keys.serial)

    adopt = TrustOtherKeys(trust, SlowDisk())
    first = asyncio.create_task(adopt(keys(SIGNER, 2, SIGNING, NEXT)))
    second = asyncio.create_task(adopt(keys(SIGNER, 3, NEXT)))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, second)
    assert trust.keys.trusted.serial == written[-1] == 3
