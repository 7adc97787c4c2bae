"""Random bad days, as many as one likes: `make simulate ARGS="--schedules 10000"`.

Every seed is two days: one of deployments and one of moves. A process for each core takes them; a seed that fails is
told at once with the command that repeats it. Ends with 1 if one failed.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.simulation import test_moves, test_schedules
from tests.simulation.moving import MovingDay
from tests.simulation.schedule import Schedule
from tests.simulation.test_schedules import ONE

# So many seeds are given to a process at once; a few, so that the end does not wait for one of them.
CHUNK = 4


def failure(number: int) -> tuple[int, str | None]:
    """Live through a day, even numbers of deployments and odd ones of moves; the seed's number, and what went wrong."""
    seed, moves = divmod(number, 2)
    file = "test_moves.py" if moves else "test_schedules.py"
    try:
        asyncio.run(_day(seed, moves=bool(moves)))
    except Exception as error:
        first = str(error).partition("\n")[0][:300]
        repeat = f"{ONE}={seed} make test ARGS=tests/simulation/{file}"
        return number, f"{type(error).__name__}: {first}\n  {repeat}"
    return number, None


def _day(seed: int, *, moves: bool) -> Coroutine[None, None, None]:
    if moves:
        return test_moves.live_through(MovingDay(seed), seed)
    return test_schedules.live_through(Schedule(seed), seed)


def main() -> int:
    """Run them, and tell how it went."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many days; half of them of moves")
    parser.add_argument("--first", type=int, default=0, help="the first day's number")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began, failed = perf_counter(), 0
    days = range(asked.first, asked.first + asked.schedules)
    with ProcessPoolExecutor(asked.processes) as pool:
        for done, (_, wrong) in enumerate(pool.map(failure, days, chunksize=CHUNK), 1):
            if wrong is not None:
                failed += 1
                print(wrong, flush=True)
            if done % 100 == 0 or done == len(days):
                rate = done / (perf_counter() - began) * 60
                print(f"{done} of {len(days)} days, {failed} failed, {rate:.0f} a minute", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
