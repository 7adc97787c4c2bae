"""Random bad times, as many as one likes: `make simulate ARGS="--schedules 10000"`.

`moves` are rushes (`rush.py`): short, dense, nothing but accounts that change hands; `days` are whole days of a fleet,
even numbers of deployments and odd ones of moves. A process for each core takes them; one that fails is told at once
with the command that repeats it. Ends with 1 if one failed. With `--without` a guard of the real code is taken out:
then it ends with the first schedule that notices.
"""

import argparse
import asyncio
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time

from shared.service import GARBAGE_THRESHOLDS
from tests.simulation import test_moves, test_schedules
from tests.simulation.guards import GUARDS, without
from tests.simulation.moving import MovingDay
from tests.simulation.rush import Rush
from tests.simulation.schedule import Schedule

# So many schedules are given to a process at once; a few, so that the end does not wait for one of them.
CHUNK = 4
# What happened, how often.
Tally = Counter[str]


@dataclass(frozen=True)
class Lived:
    """How a schedule went: what was wrong with it, what happened, and how many seconds of a processor it took."""

    number: int
    wrong: str | None
    tally: Tally
    seconds: float


def rush(number: int, *, aloud: bool) -> Tally:
    """Live through a rush."""

    async def live() -> Tally:
        schedule = Rush(number)
        if aloud:
            print(schedule, flush=True)
        async with schedule.fleet(aloud=aloud) as fleet:
            await schedule.live_through(fleet)
            rows = fleet.registry_store._tables.assignments.values()
            return Counter(
                orders=len(schedule.moves),
                troubles=len(schedule.troubles),
                tenures=sum(row.epoch for row in rows),
                connections=sum(fleet.telegram.connects.values()),
                deadmen=sum(machine.ended_by_deadman for machine in fleet.machines),
                minutes=int(fleet.clock.monotonic() / 60),
            )

    return asyncio.run(live())


def day(number: int, *, aloud: bool) -> Tally:
    """Live through a day, even numbers of deployments and odd ones of moves."""
    seed, moves = divmod(number, 2)
    schedule = MovingDay(seed) if moves else Schedule(seed)
    if aloud:
        print(schedule, flush=True)
    if isinstance(schedule, MovingDay):
        asyncio.run(test_moves.live_through(schedule, seed, aloud=aloud))
    else:
        asyncio.run(test_schedules.live_through(schedule, seed, aloud=aloud))
    return Tally()


KINDS: dict[str, Callable[..., Tally]] = {"moves": rush, "days": day}


def lived(kind: str, guards: list[str], aloud: bool, number: int) -> Lived:
    """Live through a schedule, without these guards."""
    wrong, tally, began = None, Tally(), process_time()
    with without(guards):
        try:
            tally = KINDS[kind](number, aloud=aloud)
        except Exception as error:
            first = str(error).partition("\n")[0][:300]
            again = f'make simulate ARGS="--kind {kind} --first {number} --schedules 1 --aloud"'
            wrong = f"{type(error).__name__}: {first}\n  {again}"
    return Lived(number, wrong, tally, process_time() - began)


def _begin() -> None:
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def results(asked: argparse.Namespace) -> Iterator[Lived]:
    """How all of them went, in their order."""
    numbers = range(asked.first, asked.first + asked.schedules)
    live = partial(lived, asked.kind, asked.without, asked.aloud)
    if asked.processes == 1 or asked.without:
        _begin()
        yield from map(live, numbers)
    else:
        with ProcessPoolExecutor(asked.processes, initializer=_begin) as pool:
            yield from pool.map(live, numbers, chunksize=CHUNK)


def main() -> int:
    """Run them, and tell how it went."""
    asked = _asked()
    failed, seconds, happened, began = 0, 0.0, Tally(), perf_counter()
    for done, each in enumerate(results(asked), 1):
        happened += each.tally
        seconds += each.seconds
        if each.wrong is not None:
            failed += 1
            print(each.wrong, flush=True)
        if done % 100 == 0 or done == asked.schedules:
            told = "".join(f", {count} {what}" for what, count in happened.items())
            rates = (
                f"{done / seconds * 60:.0f} a processor's minute, {done / (perf_counter() - began) * 60:.0f} a minute"
            )
            print(f"{done} of {asked.schedules} schedules, {failed} failed; {rates}{told}", flush=True)
        if each.wrong is not None and asked.without:
            print(f"noticed by the {done}. schedule, after {seconds:.1f} s", flush=True)
            break
    return 1 if failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, default="moves")
    parser.add_argument("--schedules", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one's number")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--without", nargs="+", choices=GUARDS, default=[], metavar="GUARD", help=", ".join(GUARDS))
    parser.add_argument("--aloud", action="store_true", help="print what happens in them, and every log")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
