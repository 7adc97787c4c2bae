"""What the registry needs of a store: transactions that write the fleet, and questions about it.

`store.postgres` and `store.in_memory` implement both under one contract suite. Everything raises
`shared.messaging.Unavailable` when the store is away for now, and `Unwritable` for a value that it cannot hold. A
transaction that ends by an exception has written nothing, neither rows nor messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from services.registry.domain.accounts import AccountGroup, FullReport, Removal, Written
from services.registry.domain.assignment_rows import AssignmentQuestion, AssignmentRows
from services.registry.domain.node import StoredNode
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSummary,
    AccountView,
    AssignmentView,
    CauseView,
    ChangeView,
    CountView,
    NodeQuestion,
    NodeView,
)
from shared.contracts.accounts import AccountChanged
from shared.contracts.contract import Contract

AccountKey = tuple[str, str]


class Unwritable(Exception):
    """A value that the store has no room for, such as a number beyond 64 bits; trying again ends the same."""


class Transaction(AssignmentRows, Protocol):
    """One transaction. Whoever writes accounts of a node has locked that node."""

    async def lock_nodes(self, node_ids: Iterable[str]) -> dict[str, StoredNode]:
        """The nodes, locked until the end; one that is not there is made, offline."""
        ...

    async def save_nodes(self, nodes: Sequence[StoredNode], lease_seconds: float) -> None:
        """Write locked nodes that have beaten; their leases run `lease_seconds` from now by the store's clock.

        A lease that was renewed for longer before goes on until then.
        """
        ...

    async def renew_leases(self, node_ids: Iterable[str], lease_seconds: float) -> None:
        """Let the leases of locked nodes run as after `save_nodes`, and write nothing else of them."""
        ...

    async def hold_nodes(self, node_ids: Iterable[str], margin: timedelta) -> set[str]:
        """Hold locked nodes until `margin` after their leases, as these are now; those that have one so long."""
        ...

    async def expire_leases(self, most: int) -> list[StoredNode]:
        """Make at most `most` nodes offline whose lease has ended; those nodes, as they are now."""
        ...

    async def nodes_after(self, node_id: str, most: int) -> list[StoredNode]:
        """The next nodes in the order of their ids."""
        ...

    async def write_accounts(self, groups: Sequence[AccountGroup]) -> Written:
        """Insert or replace account rows of lower origin; what really changed."""
        ...

    async def remove_accounts(self, removals: Sequence[Removal]) -> list[AccountKey]:
        """Delete accounts whose row is not newer than the removal; those that were there."""
        ...

    async def remove_unlisted(self, full: Sequence[FullReport]) -> list[AccountKey]:
        """Delete the rows that are older than their node's full report; those that were there."""
        ...

    async def known_accounts(self, keys: Iterable[AccountKey]) -> set[AccountKey]:
        """Which of these have a row."""
        ...

    async def add_changes(self, changes: Sequence[AccountChanged]) -> None:
        """Put changes in the history; one that is there stays as it is."""
        ...

    async def advance_changes(self, node_ids: Iterable[str]) -> Mapping[str, int]:
        """Raise `changes_through` to the end of each ledger's unbroken numbers; those nodes for which it rose."""
        ...

    async def prune_changes(self, keep: int, older_than: timedelta, most: int) -> int:
        """Delete confirmed history of this age, or beyond the newest `keep` of a node's ledger and of all before it.

        About `most` at once; how many went.
        """
        ...

    async def count_accounts(self) -> int:
        """Keep what the accounts' counters are now, for those that have moved since the last look; how many."""
        ...

    async def prune_counts(self, older_than: timedelta, most: int) -> int:
        """Delete counts of hours of this age, at most so many; how many went."""
        ...

    async def emit(self, messages: Iterable[Contract]) -> None:
        """Put messages in the outbox."""
        ...

    async def unsent(self, most: int) -> int:
        """How many messages wait in the outbox, counted up to `most`."""
        ...


class FleetStore(Protocol):
    """The fleet's rows."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction, committed at the end of the context."""
        ...


class FleetReader(Protocol):
    """Questions about the fleet, each answered from one moment."""

    async def accounts(self, question: AccountQuestion, after: AccountPlace, limit: int) -> list[AccountView]:
        """Accounts in the order that the question asks for, after a place."""
        ...

    async def account(self, account_id: str, node_id: str | None) -> AccountView | None:
        """An account; the row that was updated last if it is on several nodes and none is named."""
        ...

    async def account_changes(self, account_id: str, node_id: str | None, limit: int) -> list[ChangeView]:
        """An account's history, newest first."""
        ...

    async def account_counts(self, account_id: str, node_id: str | None, limit: int) -> list[CountView]:
        """What an account heard and sent, by hours, newest first; hours in which it did not are left out."""
        ...

    async def causes(self, most: int) -> list[CauseView]:
        """Why accounts are in error or limited, the most frequent reason first; not of nodes that are offline."""
        ...

    async def user_ids(self, most: int) -> list[int]:
        """The Telegram users of all accounts, the smallest first, at most so many."""
        ...

    async def assignment_page(self, question: AssignmentQuestion, after: str, limit: int) -> list[AssignmentView]:
        """Assignments in the order of their accounts, after one."""
        ...

    async def assignment(self, account_id: str) -> AssignmentView | None:
        """An account's assignment."""
        ...

    async def summary(self) -> AccountSummary:
        """The fleet in numbers."""
        ...

    async def nodes(self, question: NodeQuestion, after: str, limit: int) -> list[NodeView]:
        """Nodes in the order of their ids, after one."""
        ...

    async def node(self, node_id: str) -> NodeView | None:
        """A node."""
        ...

    async def ping(self) -> None:
        """Raise Unavailable if the store does not answer."""
        ...
