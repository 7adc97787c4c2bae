"""Ports for the servers of tests.

Each side of a run has its own, below those that the kernel gives to connections: a port that was only looked at would
sometimes be taken by the other side, or by a connection of its own, before its server is there.
"""

import itertools
import os

from services.cli.embedded.ports import obstacle

_FIRST, _EACH, _SIDES = 10_000, 2_000, 10
_side = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SIDES
_begin = _FIRST + _side * _EACH
# Not from the first one on: two runs at once would ask for the same ones.
_turn = itertools.count(os.getpid() * 37 % _EACH)


def free_port() -> int:
    """A port that nobody listens on, and that no other side of the run gives out."""
    return next(port for step in _turn if obstacle(port := _begin + step % _EACH) is None)
