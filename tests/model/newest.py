"""The newest state of a login as it goes from node to node: registry, vault and nodes, one account, small numbers.

That at most one node is live is the other model's (`protocol.py`); here it is taken for granted, and the question is
with which state of its login the account goes on. A state is a number that rises: in the tenure of epoch `e` the
account runs with what it came with, then with `2e` when it has heard something, and leaves as `2e + 1`. Messages are
never taken from the network: what was once sent may come at any later moment, again, or never.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NONE = -1


class Rule(StrEnum):
    """A rule of the registry (R), the vault (V) or an agent (A) that can be taken out."""

    HANDED_BACK = "R has the next node wait for the state that was handed back"
    KEPT_WANTED = "R still waits for it when a node gives the account back that never had the login"
    OVERTAKES = "V never lets an older state become the current one"
    OF_ONE_EPOCH = "A starts only with a login that came for the epoch"
    FINAL = "A hands back what it has after hanging up, not what it had before"
    LEDGER_FIRST = "A keeps the state in its ledger before it says that it is given back"
    HASH_KEPT = "A still knows after a start which state it has handed back"
    NEWER_NAMED = "A that gives a login back unchanged names the newer state that it has handed back in that epoch"
    AT_ONCE = "A says at once that it has given back what it does not run"
    OVER = "R moves the account on from a node whose lease is over"
    PATIENCE = "R has nobody wait for ever for a state that was handed back"


class Row(NamedTuple):
    """The registry's row. It is on its way to `target` if there is one; `handed` is the state that is waited for.

    `owed` is what the model adds: the state below which the account may not go on from here.
    """

    node: int
    epoch: int
    target: int = NONE
    handed: int = NONE
    owed: int = 0


class Seat(NamedTuple):
    """A node. `epoch` and `state` are those of the login in its memory; `known` is what its ledger knows of each epoch.

    `ledger` are the states that it sends until the vault has them, `given` the epoch that it will not start again.
    """

    epoch: int = NONE
    state: int = NONE
    live: bool = False
    given: int = NONE
    ledger: frozenset[int] = frozenset()
    known: frozenset[tuple[int, int]] = frozenset()


class World(NamedTuple):
    """Everything. `stored` is what the vault has, `current` what it sends; the rest is on its way, or may happen.

    `releases` are (node, epoch, state), `deliveries` too; `synced` are states that were sent at least once.
    """

    row: Row
    seats: tuple[Seat, ...]
    stored: frozenset[int]
    current: int
    releases: frozenset[tuple[int, int, int]]
    deliveries: frozenset[tuple[int, int, int]]
    synced: frozenset[int]
    moves: int
    kills: int
    silences: int

    def at(self, number: int, seat: Seat) -> "World":
        """The same with another seat."""
        return self._replace(seats=(*self.seats[:number], seat, *self.seats[number + 1 :]))


@dataclass(frozen=True)
class Limits:
    """How often what may happen."""

    nodes: int = 2
    moves: int = 2
    kills: int = 1
    silences: int = 1


class Newest:
    """See the module's docstring. `without` takes rules out."""

    def __init__(self, limits: Limits, without: frozenset[Rule] = frozenset()) -> None:
        self._limits = limits
        self._without = without

    def beginning(self) -> World:
        """The account is node 0's, its login has come from an upload."""
        limits, nothing = self._limits, frozenset[tuple[int, int, int]]()
        seats = (Seat(),) * limits.nodes
        row = Row(0, 1)
        vault = frozenset({0})
        return World(row, seats, vault, 0, nothing, nothing, frozenset(), limits.moves, limits.kills, limits.silences)

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Whatever may happen next."""
        for words, after in self._steps(world):
            yield words, self._tidy(after)

    def calm(self, world: World, dead: int = NONE) -> Iterator[World]:
        """What happens when nobody orders anything and nothing goes wrong any more, but that a node may be dead."""
        for _, after in self._calm(world, dead):
            yield self._tidy(after)
        if dead != NONE:
            for _, after in self._patience(world):
                yield self._tidy(after)

    def _tidy(self, world: World) -> World:
        """The same without what can have no effect any more."""
        epoch = world.row.epoch
        seats = tuple(
            seat._replace(known=frozenset(each for each in seat.known if each[0] >= epoch)) for seat in world.seats
        )
        synced = world.synced if Rule.OVERTAKES in self._without else world.synced - world.stored
        return world._replace(
            seats=seats,
            releases=frozenset(each for each in world.releases if each[1] >= epoch),
            deliveries=frozenset(each for each in world.deliveries if each[1] >= epoch),
            synced=synced,
        )

    def _steps(self, world: World) -> Iterator[tuple[str, World]]:
        row = world.row
        yield from self._calm(world, NONE)
        if world.silences:
            yield from self._patience(world._replace(silences=world.silences - 1))
        if world.moves:
            for node in range(len(world.seats)):
                if node != (row.node if row.target == NONE else row.target):
                    left = world._replace(moves=world.moves - 1, row=row._replace(target=node))
                    yield f"the operator moves the account to {node}", left
        for number, seat in enumerate(world.seats):
            if world.kills:
                left = world._replace(kills=world.kills - 1)
                yield f"{number} is killed and starts anew", left.at(number, self._killed(seat))

    def _calm(self, world: World, dead: int) -> Iterator[tuple[str, World]]:
        row = world.row
        for number, seat in enumerate(world.seats):
            if number != dead:
                yield from self._of_node(world, number, seat)
        for node, epoch, state in world.releases:
            if row.target != NONE and (node, epoch) == (row.node, row.epoch):
                yield f"R hears that {node} has given it back with {state}", self._passed_on(world, state)
        for state in world.synced:
            if state not in world.stored or Rule.OVERTAKES in self._without:
                yield f"V stores {state}", self._stored(world, state)
        if row.target == NONE and (row.handed in (NONE, *world.stored) or Rule.HANDED_BACK in self._without):
            sent = world.deliveries | {(row.node, row.epoch, world.current)}
            if sent != world.deliveries:
                yield f"V sends {world.current} to {row.node}", world._replace(deliveries=sent)

    def _patience(self, world: World) -> Iterator[tuple[str, World]]:
        """What the registry does when a node is silent for long; what it has not handed over is not owed then."""
        row = world.row
        if row.target != NONE and Rule.OVER not in self._without:
            gone = world.at(row.node, world.seats[row.node]._replace(live=False))
            yield f"R moves the account on from {row.node}, which is silent", self._passed_on(gone, NONE, silent=True)
        if row.target == NONE and row.handed != NONE and Rule.PATIENCE not in self._without:
            waived = row._replace(handed=NONE, owed=min(row.owed, world.current))
            yield f"R waits for {row.handed} no longer", world._replace(row=waived)

    def _of_node(self, world: World, number: int, seat: Seat) -> Iterator[tuple[str, World]]:
        row = world.row
        mine = row.node == number
        if mine and row.target == NONE and seat.epoch != row.epoch and not self._holds(seat):
            for node, epoch, state in world.deliveries:
                if (node, epoch) == (number, row.epoch):
                    took = seat._replace(epoch=epoch, state=state)
                    yield f"{number} takes the login as {state}", world.at(number, took)
        if mine and not seat.live and seat.given < row.epoch and (seat.epoch == row.epoch or self._holds(seat)):
            yield f"{number} starts with {seat.state}", world.at(number, seat._replace(live=True, epoch=row.epoch))
        if seat.live and seat.state < 2 * row.epoch:
            yield f"{number} hears something", world.at(number, seat._replace(state=2 * row.epoch))
        if seat.live and seat.state == 2 * row.epoch and seat.state not in seat.ledger | world.stored:
            kept = self._kept(seat, row.epoch, seat.state)
            yield f"{number} hands {seat.state} back while it runs", world.at(number, kept)
        if mine and row.target != NONE:
            yield from self._gives_back(world, number, seat)
        for state in seat.ledger:
            if state in world.stored:
                yield (
                    f"{number} is told that V has {state}",
                    world.at(number, seat._replace(ledger=seat.ledger - {state})),
                )
            elif state not in world.synced:
                yield f"{number} sends {state}", world._replace(synced=world.synced | {state})

    def _holds(self, seat: Seat) -> bool:
        """Whether a login that came for another epoch will do."""
        return Rule.OF_ONE_EPOCH in self._without and seat.state != NONE

    def _gives_back(self, world: World, number: int, seat: Seat) -> Iterator[tuple[str, World]]:
        epoch = world.row.epoch
        known = dict(seat.known).get(epoch, NONE) if Rule.HASH_KEPT not in self._without else NONE
        if seat.epoch != epoch:
            if Rule.AT_ONCE not in self._without or seat.given == epoch:
                yield from self._says(world, number, seat, known)
            return
        changed = seat.state == 2 * epoch
        final = seat.state + 1 if changed else seat.state
        if Rule.FINAL in self._without:
            told = seat.state
        elif changed or Rule.NEWER_NAMED in self._without:
            told = final
        else:
            told = max(known, final)
        gone = seat._replace(live=False, given=epoch)
        if Rule.OF_ONE_EPOCH not in self._without:
            gone = gone._replace(epoch=NONE, state=NONE)
        kept = self._kept(gone, epoch, final) if changed else gone
        if Rule.LEDGER_FIRST in self._without and changed:
            # It says so, and may be killed before it has written the state.
            yield from self._says(world, number, seat._replace(live=False), told)
        yield from self._says(world, number, kept, told)

    def _says(self, world: World, number: int, seat: Seat, state: int) -> Iterator[tuple[str, World]]:
        word = (number, world.row.epoch, state)
        seat = seat._replace(given=max(seat.given, world.row.epoch))
        after = world._replace(releases=world.releases | {word}).at(number, seat)
        if after != world:
            yield f"{number} gives epoch {word[1]} back with {state}", after

    def _kept(self, seat: Seat, epoch: int, state: int) -> Seat:
        known = {**dict(seat.known), epoch: state}
        return seat._replace(ledger=seat.ledger | {state}, known=frozenset(known.items()))

    def _killed(self, seat: Seat) -> Seat:
        return Seat(ledger=seat.ledger, known=seat.known)

    def _stored(self, world: World, state: int) -> World:
        current = state if Rule.OVERTAKES in self._without else max(state, world.current)
        row = world.row._replace(handed=NONE) if world.row.handed == state else world.row
        return world._replace(stored=world.stored | {state}, current=current, row=row)

    def _passed_on(self, world: World, state: int, *, silent: bool = False) -> World:
        row = world.row
        newest = state if state != NONE or Rule.KEPT_WANTED in self._without else row.handed
        waits = NONE if newest in world.stored else newest
        # What the node has handed back in its tenure, whatever it says of it.
        handed = NONE if silent else dict(world.seats[row.node].known).get(row.epoch, NONE)
        owed = max(row.owed, world.current, handed)
        return world._replace(row=Row(row.target, row.epoch + 1, NONE, waits, owed))


def outdated(world: World) -> bool:
    """Whether an account runs with an older state than it was given back with, or the vault had when it moved."""
    seat = world.seats[world.row.node]
    return seat.live and seat.epoch == world.row.epoch and seat.state < world.row.owed


def at_home(world: World) -> bool:
    """Whether the account runs where it belongs."""
    seat = world.seats[world.row.node]
    return world.row.target == NONE and seat.live and seat.epoch == world.row.epoch
