"""Whole fleets through bad days: whatever is lost, late, twice, killed, wiped, cut or suspended, all comes right."""

import os

import pytest

from tests.simulation.checks import ended_twice, problems
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.schedule import NODES, Schedule

# From the end of the day until all is mended: a resend at the slowest pace (72 s), a lease and a few beats.
MENDED_WITHIN = 150.0
ONE, MANY = "CALLBOARD_SIMULATION_SEED", "CALLBOARD_SIMULATION_SCHEDULES"


def seeds() -> list[int]:
    """The one seed that is asked for, or the first so many."""
    one = os.environ.get(ONE)
    return [int(one)] if one else list(range(int(os.environ.get(MANY, "8"))))


@pytest.mark.parametrize("seed", seeds())
async def test_a_fleet_comes_right_after_a_bad_day(seed: int) -> None:
    """Otherwise some order of faults loses a delivery or a change, does it twice, or leaves the shown state wrong."""
    schedule = Schedule(seed)
    try:
        await live_through(schedule, seed)
    except BaseException as error:
        error.add_note(
            f'{schedule}\nrun it again: make simulate ARGS="--kind days --first {2 * seed} --schedules 1 --aloud"'
        )
        raise


async def live_through(schedule: Schedule, seed: int, *, aloud: bool = False) -> None:
    """The day of a seed, and the hours after it."""
    async with SimulatedFleet(NODES, accounts=2, seed=seed, aloud=aloud) as fleet:
        await fleet.run_for(10)
        await schedule.play(fleet)
        await fleet.until(lambda: problems(fleet), within=MENDED_WITHIN)
        assert ended_twice(fleet) == []
        assert len(fleet.endings()) == len(schedule.deployments) * NODES
