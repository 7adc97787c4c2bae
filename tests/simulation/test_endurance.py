"""Agents that are killed at any moment: nothing is said twice, nothing is forgotten, everything is counted."""

import asyncio
import os

import pytest

from tests.simulation.checks import problems
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.talk import Talk, desk

SPAN = 240.0
NODES = 2
# A backlog of the talk at the limit of a chat, after the last kill.
SAID_WITHIN = 180.0
ONE, MANY = "CALLBOARD_SIMULATION_SEED", "CALLBOARD_SIMULATION_TALKS"


def seeds() -> list[int]:
    """The one seed that is asked for, or the first so many."""
    one = os.environ.get(ONE)
    return [int(one)] if one else list(range(int(os.environ.get(MANY, "3"))))


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("late", ["1d", "4s"])
async def test_everybody_is_answered_once_whenever_the_agent_is_killed(seed: int, late: str) -> None:
    """Otherwise a crash at some moment answers a guest twice or never, or counts what was not said."""
    try:
        await live_through(seed, late)
    except BaseException as error:
        error.add_note(f"run it again: {ONE}={seed} make test ARGS=tests/simulation/test_endurance.py")
        raise


async def live_through(seed: int, late: str) -> None:
    """Some minutes of talk, and the quiet after them."""
    async with SimulatedFleet(NODES, accounts=2, seed=seed, aloud=ONE in os.environ) as fleet:
        await fleet.run_for(10)
        for place, machine in enumerate(fleet.machines):
            await fleet.push(desk(place, late))
            await fleet.deploy(f"desk{place}", machine)
        await fleet.until(lambda: problems(fleet), within=60)
        talks = [Talk(fleet, place, seed) for place in range(NODES)]
        talking = [asyncio.create_task(talk.go_on(SPAN)) for talk in talks]
        while not all(task.done() for task in talking):
            await fleet.run_for(SPAN / 2)
            # A new version in the middle of everything, which changes nothing that is said.
            for place, machine in enumerate(fleet.machines):
                await fleet.push(f"title: at {fleet.clock.monotonic():.0f}\n{desk(place, late)}")
                await fleet.deploy(f"desk{place}", machine)
        for task in talking:
            task.result()
        await fleet.run_for(SAID_WITHIN)
        await fleet.until(lambda: problems(fleet), within=60)
        for talk in talks:
            assert talk.misspoken(complete=late == "1d") == []
            assert await talk.miscounted(complete=late == "1d") == []
            assert talk.kills > 0
