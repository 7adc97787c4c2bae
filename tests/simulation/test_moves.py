"""Accounts that move: what is never live twice, alone and through bad days."""

import pytest

from tests.simulation.checks import ended_twice
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.guards import without
from tests.simulation.moving import ACCOUNTS, MovingDay, answered_twice, misplaced
from tests.simulation.schedule import NODES
from tests.simulation.test_schedules import seeds

# A lease and the clocks' drift, a takeover's patience, the patience for a state that was handed back, and a few beats.
SETTLED_WITHIN = 400.0
# In the suite; `make simulate` takes as many as one likes.
SOME = 4
# A day on which the next node would answer what a dead one has answered, if it did not leave that alone.
SEEN = 4


async def test_an_account_moves_with_its_newest_state() -> None:
    """It would start where it was days ago, or not at all."""
    async with SimulatedFleet(nodes=2, accounts=1) as fleet:
        await fleet.run_for(15)
        assert await fleet.assign("n0-a0", "n1")
        await fleet.run_for(10)
        assert fleet.telegram.where("n0-a0") is fleet.machines[1]
        assert await misplaced(fleet) == []


async def test_a_node_that_lost_its_ledger_keeps_its_accounts() -> None:
    """Its first report would say that it has none, and the registry would take them all from it."""
    async with SimulatedFleet(nodes=1, accounts=2) as fleet:
        await fleet.run_for(20)
        await fleet.machines[0].kill(wipe=True)
        fleet.machines[0].start()
        await fleet.run_for(20)
        assert fleet.telegram.live_on(fleet.machines[0]) == [], "the machine before it may be running still"
        await fleet.run_for(60)
        assert await misplaced(fleet) == []


@pytest.mark.parametrize("seed", seeds()[:SOME])
async def test_accounts_move_through_a_bad_day(seed: int) -> None:
    """Some order of moves and faults destroys a login, loses its state, or leaves it nowhere."""
    day = MovingDay(seed)
    try:
        await live_through(day, seed)
    except BaseException as error:
        error.add_note(
            f'{day}\nrun it again: make simulate ARGS="--kind days --first {2 * seed + 1} --schedules 1 --aloud"'
        )
        raise


async def test_a_message_that_two_nodes_answer_is_seen() -> None:
    """Days on which nobody answers twice would say nothing."""
    with without(["silent_before"]), pytest.raises(AssertionError, match="has answered message"):
        await live_through(MovingDay(SEEN), SEEN)


async def live_through(day: MovingDay, seed: int, *, aloud: bool = False) -> None:
    """The day of a seed, and the hours after it."""
    async with SimulatedFleet(NODES, ACCOUNTS, seed=seed, aloud=aloud, paces=day.paces, vault=day.vault) as fleet:
        await day.begin(fleet)
        await day.play(fleet)
        await fleet.until(lambda: misplaced(fleet), within=SETTLED_WITHIN)
        await fleet.run_for(60)
        assert await misplaced(fleet) == []
        assert ended_twice(fleet) == []
        assert answered_twice(fleet) == []
