"""Nothing is waited for that never comes: from whatever has happened, the account gets to where it belongs.

Looked at backwards, from the worlds in which it is live exactly there, along steps in which nobody orders anything and
nothing goes wrong any more. First everybody lives and nobody's silence is needed; then one machine is dead for ever.
"""

import os

import pytest

from tests.model.graph import dead_ends
from tests.model.guards import Guard
from tests.model.protocol import Bounds, Protocol
from tests.model.search import Search
from tests.model.test_never_live_twice import LARGE
from tests.model.world import NOBODY, Machine, Office, Phase, Standing

BOUNDS = {
    "a move": Bounds(moves=1),
    "two machines with one node id": Bounds(machines=(0, 0), moves=0),
}
LARGE_BOUNDS = {
    "an agent that is killed": Bounds(moves=1, crashes=1),
    "an agent that is stopped, or its machine suspended": Bounds(moves=1, freezes=1),
    "a move and a change of mind, or back": Bounds(moves=2),
}
BACK, AWAY = Bounds(moves=2), Bounds(moves=1)
# To B and back, before A has started the account.
STORY = (
    "the operator moves the account to B",
    "A is told revision 2 of its set: epoch 1, to be released",
    "A beats: epoch 1 is released",
    "R judges a beat of A",
    "the operator moves the account to A",
)


def waiting(bounds: Bounds, *without: Guard, dead: int = NOBODY, story: tuple[str, ...] = ()) -> list[str]:
    """The worlds from which the account does not get to where it belongs: of all, or of those of a story."""
    taken_out = frozenset(without)
    found = Search(Protocol(bounds, taken_out))
    found.run(story, most=0 if story else None)
    # While everybody lives, a word has to be enough.
    silence = frozenset({Guard.OVER}) if dead == NOBODY else frozenset()
    calm = Search(Protocol(bounds, taken_out | silence, dead))
    worlds = {calm.number(_calm(office), machines) for office, machines in map(found.meaning, found.before)}
    ends = dead_ends(worlds, calm.following, lambda world: _at_home(*calm.meaning(world)))
    return [str(meant) for meant in map(calm.meaning, ends) if _concerns(meant[0], dead)]


def _calm(office: Office) -> Office:
    return office._replace(moves=0, crashes=0, freezes=0, settings=0)


def _at_home(office: Office, machines: list[Machine]) -> bool:
    """Whether the account is live where it belongs, and nowhere else."""
    row, live = office.row, [each for each, machine in enumerate(machines) if machine.phase != Phase.IDLE]
    if row.standing == Standing.UNASSIGNED:
        return not live
    there = row.standing == Standing.ASSIGNED and [each for each in live if each in office.nodes[row.node].started]
    return bool(there) and there == live and all(machines[each].phase == Phase.LIVE for each in live)


def _concerns(office: Office, dead: int) -> bool:
    """Whether the account is, or is on its way to, where somebody lives."""
    row = office.row
    goes_to = row.target if row.standing == Standing.RELEASING else row.node
    return dead == NOBODY or goes_to == NOBODY or dead not in office.nodes[goes_to].started


@pytest.mark.parametrize("name", BOUNDS | (LARGE_BOUNDS if LARGE in os.environ else {}))
def test_an_account_gets_to_where_it_belongs(name: str) -> None:
    """It would hang between two nodes, with everybody alive, until somebody looks."""
    assert waiting((BOUNDS | LARGE_BOUNDS)[name])[:1] == []


def test_a_dead_machine_holds_nobody_up() -> None:
    """An account would be lost with the machine that had it."""
    assert waiting(AWAY, dead=0)[:1] == []


def test_without_rising_epochs_an_account_never_comes_back() -> None:
    """A node does not start again what it has given back, so the same epoch there is for ever nothing."""
    assert waiting(BACK, story=STORY) == []
    assert waiting(BACK, Guard.EPOCH_RISES, story=STORY)


def test_without_the_lease_an_account_is_lost_with_its_machine() -> None:
    """Nothing but the end of its lease says anything of a machine that is dead."""
    assert waiting(AWAY, Guard.OVER, dead=0)
