"""What there is in the model of assignments: one account, the registry's rows, machines, and what is on its way.

Everything is a tuple of small numbers, so that equal situations are equal. Nothing counts up without end: clocks are
kept as what is left of them, beats and boots by their order. The network is never asked to lose, double or delay
anything in a step of its own: what was once sent may be taken at any later moment, any number of times, or never.
"""

from enum import IntEnum
from typing import NamedTuple

# A lease that is not there, or that has passed; no epoch.
NONE = -1
NOBODY = -1


class Standing(IntEnum):
    """The account's assignment."""

    UNASSIGNED = 0
    ASSIGNED = 1
    RELEASING = 2


class Row(NamedTuple):
    """The registry's row of the account."""

    standing: Standing
    node: int
    target: int
    epoch: int


class Entry(NamedTuple):
    """The account in a node's set."""

    epoch: int
    release: bool = False

    def __str__(self) -> str:
        return f"epoch {self.epoch}, to be released" if self.release else f"epoch {self.epoch}"


# A node's set in every revision from 1 on; the last one is in force.
Sets = tuple[Entry | None, ...]


class Node(NamedTuple):
    """The registry's row of a node.

    `lease` counts the ticks until the node may be believed silent, `held` those until an earlier boot on another
    machine may be. `started` are the node's machines in the order of their boots; the first `heard` of them are not
    newer than the newest boot that has reported, which is `newest`, unless it has died since; `home` is its machine.
    `late` is what a beat of a boot that has died says is released, while it may still come.
    """

    sets: Sets
    started: tuple[int, ...]
    lease: int = 0
    held: int = 0
    heard: int = 0
    newest: int = NOBODY
    home: int = NOBODY
    late: frozenset[int] = frozenset()

    @property
    def revision(self) -> int:
        """The revision in force."""
        return len(self.sets)

    def outdated(self, machine: int) -> bool:
        """Whether a newer boot than this machine's has reported."""
        return machine != self.newest and self.started.index(machine) < self.heard


class Office(NamedTuple):
    """The registry, and how many moves, crashes, freezes and changes of the lease may still happen.

    `doomed` is a node whose silence was found in a transaction that is over; never with all guards in place.
    """

    row: Row
    nodes: tuple[Node, ...]
    ticks: int
    moves: int
    crashes: int
    freezes: int
    settings: int
    doomed: int = NOBODY

    def with_node(self, number: int, node: Node) -> "Office":
        """The same with another row of a node."""
        return self._replace(nodes=(*self.nodes[:number], node, *self.nodes[number + 1 :]))


class Phase(IntEnum):
    """What a machine does with the account. Until it is `IDLE` again, something may still be connected."""

    IDLE = 0
    STARTING = 1
    LIVE = 2
    CLOSING = 3


class Frozen(IntEnum):
    """A process that gets no time: stopped by a signal, or suspended with its whole machine."""

    NO = 0
    STOPPED = 1
    SUSPENDED = 2


class Grant(NamedTuple):
    """An answer to a beat: the revision that it names, and its ticks."""

    named: int
    ticks: int


class Beat(NamedTuple):
    """A beat that was sent, as long as anything may come of it.

    `age` is what its sender's clock has counted since, `lost` what that clock has missed. `stale`: the registry has
    judged it, or a newer one.
    """

    age: int = 0
    lost: int = 0
    released: int = NONE
    stale: bool = False
    grants: frozenset[Grant] = frozenset()


class Machine(NamedTuple):
    """An agent. `view` is the revision of the set that it goes by, `named` the one that its newest grant named.

    `lease` counts the ticks left on its own clock, and `lost` those that this clock has missed since. `given_back` is
    the highest epoch that it will not start again. `beats` are in the order of their sending.
    """

    view: int = 0
    named: int = 0
    lease: int = NONE
    lost: int = 0
    phase: Phase = Phase.IDLE
    epoch: int = NONE
    given_back: int = NONE
    frozen: Frozen = Frozen.NO
    beats: tuple[Beat, ...] = ()

    @property
    def connected(self) -> bool:
        """Whether Telegram may hear the account from here. A suspended machine says nothing until it wakes."""
        return self.phase >= Phase.LIVE and self.frozen != Frozen.SUSPENDED

    def entry(self, sets: Sets) -> Entry | None:
        """The account in the set that the machine goes by."""
        return sets[self.view - 1] if self.view else None
