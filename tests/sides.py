"""The sides on which the suite runs at once: what each loads first, what it is given, and which one gives way.

A side is a worker of xdist; `side` is what xdist tells it of itself.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests import order

TESTS = Path(__file__).parent
# Who gives way has a tenth of what another gets that wants the processor at the same time: enough to come on.
NICE = 10
AUTOGROUP = Path("/proc/self/autogroup")

Side = Mapping[str, Any]


def gives_way(config: pytest.Config, side: Side) -> bool:
    """Whether this is the side that only fills the gaps. (One that takes the place of a dead one is not.)"""
    return bool(config.getoption("filling")) and side["workerid"] == f"gw{side['workercount'] - 1}"


def give_way() -> None:
    """Let this process have what the others leave."""
    os.nice(NICE)
    if AUTOGROUP.exists():
        # Linux shares the processor out among sessions first, and a process is only nice within its own one.
        os.setsid()
        AUTOGROUP.write_text(str(NICE))


def load_share(side: Side) -> None:
    """Load a share of the tests before all of them, each side another one.

    pytest compiles every file for its asserts. In a fresh clone all sides would do that for every one at the same time.
    """
    for file in sorted(TESTS.rglob("test_*.py"))[int(side["workerid"].removeprefix("gw")) :: side["workercount"]]:
        # What cannot be loaded is told by pytest, when it tries in its turn.
        with suppress(Exception):
            import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


class Units(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands units out; the side that gives way gets what fills, and is done when there is no more of it.

    (The groups of xdist 3.8 are written into the ids of tests, where pytest 9.2 has none of it.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return order.unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        alone = all(other is node or other.shutting_down for other in self.nodes)
        if gives_way(self.config, node.workerinput) and not alone:
            unit = next(filter(order.fills, self.workqueue), None)
            if unit is None:
                node.shutdown()
                return
            self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)
