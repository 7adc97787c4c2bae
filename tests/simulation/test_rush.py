"""Accounts that change hands all the time while everything goes wrong; and that it is seen when a guard is missing."""

import pytest

from tests.simulation.guards import without
from tests.simulation.rush import Rush
from tests.simulation.test_schedules import seeds

# Those that have found something: a folder's login that a silent node had given back was claimed for it again.
FOUND = [3991]
# Each with a schedule that notices its lack; all are counted by `make simulate ARGS="--without …"`.
SEEN = {"from_sending": 2, "deadman": 0, "waits": 0, "folder_waits": 0, "handed_back": 14, "drift_margin": 2}


@pytest.mark.parametrize("seed", [*seeds(), *FOUND])
async def test_accounts_are_never_live_twice_in_a_rush(seed: int) -> None:
    """Some order of moves and faults destroys a login, loses its state, or leaves it nowhere."""
    rush = Rush(seed)
    try:
        async with rush.fleet() as fleet:
            await rush.live_through(fleet)
    except BaseException as error:
        error.add_note(f'{rush}\nrun it again: make simulate ARGS="--first {seed} --schedules 1 --aloud"')
        raise


@pytest.mark.parametrize(("guard", "seed"), SEEN.items())
async def test_a_missing_guard_is_seen(guard: str, seed: int) -> None:
    """Schedules that go well would say nothing."""
    rush = Rush(seed)
    with without([guard]), pytest.raises(AssertionError):
        async with rush.fleet() as fleet:
            await rush.live_through(fleet)
