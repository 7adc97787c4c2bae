"""What the sides of a run are given: every test once, and the one that gives way nothing in which time is real."""

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests import order
from tests.sides import Units

REAL = ("tests/fault/test_kills.py", "tests/integration/deployer/test_links.py", "tests/unit/shared/test_tls.py")
VIRTUAL = ("tests/simulation/test_drift.py", "tests/simulation/test_fleet.py", "tests/model/test_newest_state.py")


@dataclass(eq=False)
class Worker:
    """A side as xdist holds it; it runs what it is sent when it knows what comes after, or that nothing does."""

    number: int
    sides: int
    waiting: list[int] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def workerinput(self) -> dict[str, Any]:
        """What it was told of itself."""
        return {"workerid": f"gw{self.number}", "workercount": self.sides}

    @property
    def gateway(self) -> SimpleNamespace:
        """The way to it."""
        return SimpleNamespace(id=f"gw{self.number}")

    def send_runtest_some(self, indices: list[int]) -> None:
        """Take tests."""
        self.waiting += indices

    def shutdown(self) -> None:
        """Hear that no more will come."""
        self.shutting_down = True

    def next(self) -> int | None:
        """The test that it runs now."""
        return self.waiting.pop(0) if len(self.waiting) > (0 if self.shutting_down else 1) else None


def run(tests: list[str], sides: int, dice: Random) -> list[Worker]:
    """The workers after a run in which they take their steps in any order."""
    config: Any = SimpleNamespace(
        getvalue=lambda name: ["popen"] * sides,
        getoption=lambda name: True,
        option=SimpleNamespace(loadscopereorder=False, maxprocesses=None),
    )
    units, workers = Units(config, None), [Worker(number, sides) for number in range(sides)]
    for worker in workers:
        units.add_node(worker)
        units.add_node_collection(worker, tests)
    units.schedule()
    while ready := [worker for worker in workers if worker.waiting]:
        able = [worker for worker in ready if len(worker.waiting) > 1 or worker.shutting_down]
        assert able, "they wait for one another"
        worker = dice.choice(able)
        index = worker.next()
        assert index is not None
        worker.ran.append(tests[index])
        units.mark_test_complete(worker, index)
        if units.tests_finished:
            for each in workers:
                each.shutdown()
    return workers


def some_of(files: tuple[str, ...], dice: Random) -> list[str]:
    """A few tests of each file."""
    return [f"{file}::test_{number}" for file in files for number in range(dice.randint(1, 5))]


@pytest.mark.parametrize("seed", range(30))
def test_every_test_runs_once_and_who_gives_way_runs_none_in_real_time(seed: int) -> None:
    """A test that nobody is given would be green for ever."""
    dice = Random(seed)
    tests = some_of(REAL + VIRTUAL, dice)
    workers = run(tests, dice.randint(2, 5), dice)
    assert sorted(name for worker in workers for name in worker.ran) == sorted(tests)
    assert all(order.fills(name) for name in workers[-1].ran)
    assert workers[-1].ran


@pytest.mark.parametrize("files", [REAL, VIRTUAL, REAL[:2]])
def test_a_side_that_is_alone_runs_everything(files: tuple[str, ...]) -> None:
    """There is nobody whom it could give way to."""
    dice = Random(1)
    tests = some_of(files, dice)
    [worker] = run(tests, 1, dice)
    assert sorted(worker.ran) == sorted(tests)


def test_what_takes_no_real_time_is_behind_what_does() -> None:
    """The others would take what only fills gaps, and leave nothing for the gaps."""
    ranks = [order.rank(order.unit_of(f"{file}::test")) for file in (*REAL[:2], *VIRTUAL)]
    assert ranks == sorted(ranks)
