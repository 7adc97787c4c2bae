"""What an order takes away: an account plays one script, so binding it to another ends the one before.

`taken_over` compares what was ordered for a node before with what the new order says. The outcome is shown to whoever
ordered it, with the messages that both scripts would have answered (`shared.scripts.overlap`). It forbids nothing:
putting a script in the place of another is often just what is meant. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.bindings import EVERYONE, Bind, Bindings, rebound, script_of
from shared.scripts import Overlap


@dataclass(frozen=True, slots=True)
class Loss:
    """On one node: the accounts that stop playing a script; None stands for all that have no script of their own."""

    node_id: str
    accounts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Takeover:
    """A script that loses accounts to the new one, where, and the messages that both would answer."""

    script_id: str
    version: int
    losses: tuple[Loss, ...]
    same_messages: tuple[Overlap, ...] = ()


def taken_over(before: Mapping[str, Bindings], script_id: str, bind: Bind) -> dict[str, list[Loss]]:
    """The losses by script id; `before` are the nodes' bindings by node id."""
    losses: dict[str, list[Loss]] = {}
    for node_id in sorted(before):
        after = rebound(before[node_id], script_id, bind)
        for loser, accounts in losers(before[node_id], after, script_id).items():
            losses.setdefault(loser, []).append(Loss(node_id, None if EVERYONE in accounts else tuple(accounts)))
    return losses


def losers(before: Bindings, after: Bindings, script_id: str) -> dict[str, list[str]]:
    """Each other script whose accounts play something else on a node after an order for this one, and which do."""
    lost: dict[str, list[str]] = {}
    for account in sorted({*before, *after}):
        had = script_of(before, account)
        if had is not None and had != script_id and script_of(after, account) != had:
            lost.setdefault(had, []).append(account)
    return lost
