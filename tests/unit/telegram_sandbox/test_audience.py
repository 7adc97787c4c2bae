"""The talkative audience, in virtual time."""

import asyncio

import pytest

from services.telegram_sandbox.jobs.audience import LINES, Audience, Programme
from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.rpc.delivery import Delivery
from services.telegram_sandbox.stage import Stage
from services.telegram_sandbox.world.models import Refusal, Room
from services.telegram_sandbox.world.world import World
from shared.clock import VirtualClock
from shared.randomness import SeededRandomness


class Nobody:
    """No client is connected."""

    def connections_of_user(self, user_id: int) -> list[Connection]:
        """None."""
        return []


class Rooms:
    """Finds rooms by username."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find_room(self, name: str) -> Room:
        """Raises `Refusal`."""
        found = self._world.named(name)
        if not isinstance(found, Room):
            raise Refusal("CHAT_ID_INVALID")
        return found


async def listen(programme: Programme, minutes: float, seed: int = 7) -> Room:
    """The hall after the audience has been let speak in it for some minutes."""
    world, clock = World(), VirtualClock()
    hall = world.add_room("supergroup", "Hall", "the_hall")
    stage = Stage(world, Delivery(world, Nobody(), lambda: 0), lambda: int(clock.now().timestamp()), lambda: None)
    audience = Audience(stage, Rooms(world), clock, SeededRandomness(seed))
    audience.programme = programme
    running = asyncio.create_task(audience.run())
    await clock.run_for(minutes * 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return hall


async def test_guests_say_lines_at_the_wanted_rate() -> None:
    """The demo's counters would stand still, or run away."""
    hall = await listen(Programme("the_hall", guests=2, messages_per_minute=12), minutes=10)
    said = [message for message in hall.messages.values() if message.action is None]
    assert 100 <= len(said) <= 140
    assert {message.text for message in said} <= set(LINES)
    assert len(hall.members) == 2


async def test_the_audience_is_silent_unless_it_is_told_where_to_speak() -> None:
    """Tests would find messages that nobody asked for."""
    assert (await listen(Programme(), minutes=10)).messages == {}


async def test_a_missing_chat_does_not_end_the_job() -> None:
    """An audience that is set up before its chat would stay silent for ever."""
    assert (await listen(Programme("not_there_yet"), minutes=10)).messages == {}


async def test_the_same_seed_says_the_same() -> None:
    """A failing demo could not be run again as it was."""
    one, other = [await listen(Programme("the_hall"), minutes=3) for _ in range(2)]
    assert one.messages == other.messages
