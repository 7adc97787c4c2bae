"""An account goes on with its newest state, and never waits for what nobody will bring; each rule has its reason.

With all rules in place every world within the limits is looked at. Without one of them an account runs with an older
state than it had, or there is a world from which it never comes online again: with everybody alive, or with one node
dead for ever.
"""

from functools import cache

import pytest

from tests.model.graph import Explored, dead_ends, explore
from tests.model.newest import Limits, Newest, Rule, World, at_home, outdated

KILLED, SILENT = Limits(silences=0), Limits(kills=0)
# One move is enough to wait for something in.
ONE_MOVE = Limits(moves=1, silences=0)
# Without these nothing is outdated, but somebody waits for ever.
WAITING = {Rule.LEDGER_FIRST, Rule.AT_ONCE}
WAITING_FOR_THE_DEAD = {Rule.OVER, Rule.PATIENCE}


@cache
def explored(limits: Limits, *without: Rule) -> Explored[World]:
    """Everything that can come about."""
    model = Newest(limits, frozenset(without))
    return explore(model.beginning(), model.steps, outdated)


def waiting(limits: Limits, *without: Rule) -> list[World]:
    """The worlds from which the account never comes to where it belongs, although nothing goes wrong any more."""
    return dead_ends(explored(limits, *without).before, Newest(limits, frozenset(without)).calm, at_home)


def held_up(limits: Limits, *without: Rule) -> list[World]:
    """The worlds in which a dead node keeps the account from the one that it is to go to, or has gone to."""
    model = Newest(limits, frozenset(without))

    def held_up_by(dead: int) -> list[World]:
        ends = dead_ends(explored(limits, *without).before, lambda world: model.calm(world, dead), at_home)
        return [each for each in ends if dead != (each.row.node if each.row.target < 0 else each.row.target)]

    return [each for dead in range(limits.nodes) for each in held_up_by(dead)]


@pytest.mark.parametrize("limits", [KILLED, SILENT], ids=["killed", "silent"])
def test_an_account_goes_on_with_its_newest_state_and_never_waits_for_ever(limits: Limits) -> None:
    """It would hear again what it has answered, or hang between two nodes until somebody looks."""
    found = explored(limits)
    assert found.bad is None, found.story(found.bad)
    assert not [found.story(each) for each in waiting(limits)[:1]]
    print(f"{len(found.before):,} states")


def test_a_dead_node_holds_nobody_up() -> None:
    """An account would be lost with the machine that had it."""
    assert held_up(ONE_MOVE) == []


@pytest.mark.parametrize("rule", sorted(set(Rule) - WAITING - WAITING_FOR_THE_DEAD))
def test_without_a_rule_an_account_runs_with_an_older_state(rule: Rule) -> None:
    """The model could not see what it is for, or the protocol would have a rule that nobody needs."""
    found = explored(KILLED, rule)
    assert found.bad is not None
    print(f"without: {rule}", *found.story(found.bad), sep="\n  ")


@pytest.mark.parametrize("rule", sorted(WAITING))
def test_without_a_rule_an_account_waits_for_ever(rule: Rule) -> None:
    """As above."""
    ends = waiting(ONE_MOVE, rule)
    assert explored(ONE_MOVE, rule).bad is None and ends
    print(f"without: {rule}", *explored(ONE_MOVE, rule).story(ends[0]), sep="\n  ")


@pytest.mark.parametrize("rule", sorted(WAITING_FOR_THE_DEAD))
def test_without_a_rule_a_dead_node_holds_an_account_up(rule: Rule) -> None:
    """As above."""
    assert held_up(ONE_MOVE, rule)
