"""Script files that are edited or deleted while the agent runs: seen, told, and put back by the order itself."""

import pytest

from shared.contracts.artifacts import FileState
from shared.contracts.deliveries import DeliveryOutcome
from shared.contracts.identifiers import content_hash
from tests.component.node_agent.virtual_agent import World
from tests.support.agent.orders import order, script

LOOK = 31
EDITED = script("edited by hand")


@pytest.mark.parametrize("damage", [EDITED.encode(), None])
async def test_a_damaged_file_is_told_and_an_order_puts_it_back(world: World, damage: bytes | None) -> None:
    """Otherwise nobody would know until the next restart, when the node falls silent."""
    async with world.running():
        await world.bus.publish(order(script("hi")))
        await world.clock.run_for(5)
        [told] = world.registry.beats[-1].artifacts
        assert (told.file, told.delivery_id, told.ordered_at) == (
            FileState.INTACT,
            order(script("hi")).delivery_id,
            order(script("hi")).issued_at,
        )
        if damage is None:
            del world.files.files["greeter"]
        else:
            world.files.files["greeter"] = damage
        await world.clock.run_for(LOOK)
        [told] = world.registry.beats[-1].artifacts
        assert (told.file, told.file_hash) == (
            (FileState.MISSING, None) if damage is None else (FileState.ALTERED, content_hash(damage))
        )
        world.say("/hello")
        await world.clock.run_for(1)
        assert world.replies() == ["hi", "hi"]
        await world.bus.publish(order(script("hi"), attempt=2))
        await world.clock.run_for(5)
        assert world.files.files["greeter"] == script("hi").encode()
        assert world.registry.reports[-1].outcome == DeliveryOutcome.APPLIED
        [told] = world.registry.beats[-1].artifacts
        assert (told.file, told.file_hash) == (FileState.INTACT, None)


async def test_a_file_that_was_put_back_by_hand_is_told(world: World) -> None:
    """A shown difference that is none any more would be repaired for nothing."""
    async with world.running():
        await world.bus.publish(order(script("hi")))
        await world.clock.run_for(5)
        kept = world.files.files.pop("greeter")
        await world.clock.run_for(LOOK)
        missing = world.registry.beats[-1].artifacts
        world.files.files["greeter"] = kept
        await world.clock.run_for(LOOK)
        intact = world.registry.beats[-1].artifacts
        assert [one.file for one in (*missing, *intact)] == [FileState.MISSING, FileState.INTACT]


async def test_an_order_that_repairs_sets_the_bindings_as_a_whole(world: World) -> None:
    """Two scripts that come back in any order would take each other's accounts."""
    whole = {"*": "greeter", "bert": "other"}
    async with world.running():
        await world.bus.publish(order(script("hi"), bind=None, bindings=whole))
        other = script("ho", script_id="other")
        artifact = order(other, 2).artifact.model_copy(update={"id": "other"})
        await world.bus.publish(order(other, 2, bind=None, bindings=whole, artifact=artifact))
        await world.clock.run_for(5)
        world.say("/hello")
        await world.clock.run_for(1)
        assert sorted(world.replies()) == ["hi", "ho"]


async def test_a_version_that_is_being_loaded_is_not_taken_for_an_altered_file(world: World) -> None:
    """Every push would flash up as drift."""
    async with world.running():
        await world.bus.publish(order(script("one"), 1))
        for number in range(2, 40):
            await world.clock.run_for(1.7)
            await world.bus.publish(order(script(f"number {number}"), number))
        await world.clock.run_for(5)
        states = {artifact.file for beat in world.registry.beats for artifact in beat.artifacts}
        assert states == {FileState.INTACT}
