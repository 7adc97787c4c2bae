"""What a transaction can do with assignments and with the nodes' sets; one part of the port in `domain/ports.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.registry.domain.assignments import Assignment
from services.registry.domain.node import StoredNode
from services.registry.domain.places import Host
from shared.contracts.assignments import AssignedAccount, AssignmentState

# The place of a row in questions about several nodes' accounts: node and account.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Over:
    """An account that is being released by a node which is silent; `until` is the end of its lease, and the margin."""

    row: Assignment
    until: datetime


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A node reports an account that nobody has assigned (epoch 0), or in a higher epoch than its row knows."""

    node_id: str
    account_id: str
    epoch: int


class AssignmentRows(Protocol):
    """Rows of assignments. Who writes one has locked it, and the nodes that it concerns before it."""

    async def assignments(self, account_ids: Iterable[str]) -> dict[str, Assignment]:
        """The rows of these accounts, as they are; nothing is locked."""
        ...

    async def lock_assignments(self, account_ids: Iterable[str], make: Iterable[str] = ()) -> dict[str, Assignment]:
        """The rows of these accounts, locked until the end; those of `make` that are not there are made."""
        ...

    async def save_assignments(self, rows: Sequence[Assignment]) -> None:
        """Write locked rows."""
        ...

    async def forget_assignments(self, account_ids: Sequence[str]) -> None:
        """Delete locked rows."""
        ...

    async def assigned_to(self, node_ids: Iterable[str]) -> dict[str, list[AssignedAccount]]:
        """What the rows say of these nodes' sets, by account; a node without any is left out."""
        ...

    async def save_sets(self, nodes: Sequence[StoredNode]) -> None:
        """Write the names of locked nodes' sets, and what is excluded there."""
        ...

    async def save_policies(self, nodes: Sequence[StoredNode]) -> None:
        """Write what is wanted of locked nodes."""
        ...

    async def silence(self, node_ids: Iterable[str], margin: timedelta) -> None:
        """Locked nodes have lost their ledgers: `silent_before` of their accounts is `margin` after their leases."""
        ...

    async def unplaced(self, after: Place, most: int) -> list[Unplaced]:
        """The next reports of online nodes that no row answers to yet."""
        ...

    async def over(self, margin: timedelta, most: int) -> list[Over]:
        """Accounts that are being released by nodes whose lease ended longer than `margin` ago by the store's clock."""
        ...

    async def of_dead_nodes(self, patience: timedelta, after: Place, most: int) -> list[Assignment]:
        """The next accounts that have to move because their node's lease ended longer than `patience` ago.

        Only those whose login is in the vault, and whose policy, or else their node's, says `move`.
        """
        ...

    async def of_draining_nodes(self, after: Place, most: int) -> list[Assignment]:
        """The next accounts that are still assigned to draining nodes which go by sets."""
        ...

    async def hosts(self, node_ids: Iterable[str] | None = None) -> list[Host]:
        """These nodes, or all, with the number of accounts that each has or is to get, by their ids."""
        ...

    async def assignments_after(self, account_id: str, most: int) -> list[Assignment]:
        """The next rows in the order of their accounts."""
        ...


@dataclass(frozen=True, slots=True)
class AssignmentQuestion:
    """Which assignments; None asks for all. `node_id` asks for those that it has or is to get."""

    node_id: str | None = None
    state: AssignmentState | None = None
