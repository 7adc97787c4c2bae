"""What an order takes away: an account plays one script, so binding it to another ends the one before.

`taken_over` compares what was ordered for a node before with what the new order says. The outcome is shown to whoever
ordered it, with the messages that both scripts would have answered (`shared.scripts.overlap`). It forbids nothing:
putting a script in the place of another is often just what is meant. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.bindings import EVERYONE, Bind, Bindings, script_of
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
        for loser, accounts in _losers(before[node_id], script_id, bind).items():
            losses.setdefault(loser, []).append(Loss(node_id, None if EVERYONE in accounts else tuple(accounts)))
    return losses


def _losers(before: Bindings, script_id: str, bind: Bind) -> dict[str, Sequence[str]]:
    """The accounts that change from each other script to this one."""
    if bind is None:
        return {}
    accounts = sorted(before) if isinstance(bind, str) else sorted(set(bind))
    losers: dict[str, list[str]] = {}
    for account in accounts:
        present = script_of(before, account)
        if present is not None and present != script_id:
            losers.setdefault(present, []).append(account)
    return dict(losers)
