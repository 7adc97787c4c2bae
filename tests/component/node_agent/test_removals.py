"""Orders to remove a script, against the whole agent: it is gone, it stays gone, and nobody plays it."""

from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliveryOutcome
from shared.contracts.identifiers import content_hash
from tests.component.node_agent.virtual_agent import World
from tests.support.agent.orders import removal, script


async def remove(world: World, number: int, **changes: object) -> None:
    """Order it, and let the agent do it."""
    await world.bus.publish(removal(number, **changes))
    await world.clock.run_for(5)


async def said(world: World) -> set[str]:
    """What the accounts answer now."""
    before = len(world.replies())
    world.say("/hello")
    await world.clock.run_for(1)
    return set(world.replies()[before:])


async def test_a_removed_script_is_gone_and_stays_gone(world: World) -> None:
    """A rollback to nothing would leave the node answering with what was taken back."""
    async with world.playing(script("hi"), 1):
        await remove(world, 2)
        report = world.registry.reports[-1]
        assert (report.outcome, report.loaded_hash) == (DeliveryOutcome.APPLIED, None)
        assert world.files.files == {} and await said(world) == set()
        assert world.registry.beats[-1].artifacts == []
        # A late copy of the order that brought it does not bring it back, now or after a restart.
        await world.deliver(script("hi"), 1, attempt=2)
        await world.clock.run_for(5)
        assert world.files.files == {}
    async with world.online():
        assert await said(world) == set()
        await world.deliver(script("back"), 3)
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
        assert await said(world) == {"back"}


async def test_a_removal_is_done_once_and_answered_each_time(world: World) -> None:
    """The deployer repeats an order whose answer was lost; what was never there is gone as well."""
    async with world.running():
        for attempt in (1, 2):
            await remove(world, 1, attempt=attempt)
            report = world.registry.reports[-1]
            assert (report.outcome, report.attempt, report.loaded_hash) == (DeliveryOutcome.APPLIED, attempt, None)


async def test_accounts_get_back_what_they_played(world: World) -> None:
    """A rollback would leave the accounts silent that the deployment had taken from another script."""
    other = script("good day", script_id="other")
    named = Artifact(id="other", version=1, hash=content_hash(other.encode()))
    async with world.playing(other, 1, artifact=named):
        await world.deliver(script("hi"), 2)
        await world.clock.run_for(5)
        assert await said(world) == {"hi"}
        await remove(world, 3, bindings={"*": "other"})
        assert await said(world) == {"good day"}


async def test_a_removal_that_an_earlier_order_overtook_changes_nothing(world: World) -> None:
    """Two orders that arrive in the wrong order would leave the node without its script."""
    async with world.playing(script("hi"), 3):
        await remove(world, 2)
        report = world.registry.reports[-1]
        assert report.outcome is DeliveryOutcome.FAILED and "ordered later" in (report.reason or "")
        assert await said(world) == {"hi"}


async def test_a_file_that_cannot_be_deleted_is_tried_again(world: World) -> None:
    """The node would say that it is gone, and load it at the next start."""
    async with world.playing(script("hi"), 1):
        world.files.broken = True
        await remove(world, 2)
        assert world.registry.reports[-1].cause == "storage_failed"
        assert await said(world) == {"hi"}
        world.files.broken = False
        await remove(world, 2, attempt=2)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
        assert await said(world) == set()


async def test_a_removal_that_comes_too_late_changes_nothing(world: World) -> None:
    """A node that slept through its window would lose its script in the middle of the day."""
    async with world.playing(script("hi"), 1):
        await remove(world, 2, apply_before=world.clock.now())
        assert world.registry.reports[-1].cause == "too_late"
        assert await said(world) == {"hi"}
