"""Orders to hand a login's present state back now: of each account the newest one.

    asked → answered (the vault has the state, as a version) | refused (the vault did not take it, and says why)

A node that does not answer is not asked again by itself: after `LASTS` the order counts as unanswered, and a late
answer still counts. Pure; `SyncRows` is the port of the table.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.contracts.sessions import SessionSynced

# A node on the broker answers within a second. Over HTTP, or over a link, it hears of it after its next beat.
LASTS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """What was asked of which node, and what came of it: a version, or a problem."""

    account_id: str
    sync_id: str
    node_id: str
    epoch: int
    asked_at: datetime
    by: str | None = None
    answered_at: datetime | None = None
    version: int | None = None
    hash: str | None = None
    problem: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether the node may still be about to answer."""
        return self.answered_at is None and now < self.asked_at + LASTS

    def is_answered_by(self, state: SessionSynced) -> bool:
        """Whether a state is what was asked for; the last one of an assignment is as new as any will ever be."""
        final = state.final and (state.node_id, state.epoch) == (self.node_id, self.epoch)
        return self.version is None and (state.answers == self.sync_id or final)


def seen(order: SyncOrder, now: datetime) -> SyncOrder:
    """The order as it is shown."""
    if order.answered_at is not None or order.is_open(now):
        return order
    why = (
        f"node {order.node_id!r} has not answered: is it online, does it still have the account, and is its agent new "
        "enough to be asked?"
    )
    return replace(order, problem=why)


class SyncRows(Protocol):
    """The newest order of each account."""

    async def put(self, order: SyncOrder) -> None:
        """Write an order in the place of the account's one before."""
        ...

    async def one(self, account_id: str) -> SyncOrder | None:
        """An account's order."""
        ...

    async def lock(self, account_id: str) -> SyncOrder | None:
        """The same, locked."""
        ...
