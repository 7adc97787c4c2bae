"""What nodes should have, in a transaction, and questions about differences: the port of the table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deployer.domain.desired import Desired
from services.deployer.domain.nodes import Node
from shared.contracts.bindings import Bindings
from shared.contracts.drift import DriftKind, DriftState

# Node and script.
DesiredKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DueDesired:
    """A desired row to look at, with what is known of its node.

    `on_its_way` is when the delivery of the script that is under way, not held back, was ordered; `busy`: the node was
    sent an order, of whatever script, that is not final; `bindings` are those that were verified, None if they are not
    known.
    """

    row: Desired
    node: Node | None
    on_its_way: datetime | None
    busy: bool
    bindings: Bindings | None


@dataclass(frozen=True, slots=True)
class DriftQuestion:
    """Which differences; None asks for any."""

    node_id: str | None = None
    script_id: str | None = None
    kind: DriftKind | None = None
    state: DriftState | None = None


class DesiredRows(Protocol):
    """What nodes should have, by node and script. Locked after deliveries and deployments."""

    async def want(self, rows: Sequence[Desired]) -> None:
        """Write rows of verified deliveries; one by a later order stays."""
        ...

    async def lock(self, node_ids: Collection[str], delivery_ids: Collection[str]) -> list[Desired]:
        """The rows of these nodes and those that want one of these deliveries, locked by node and script."""
        ...

    async def lock_one(self, key: DesiredKey) -> Desired | None:
        """One row, locked."""
        ...

    async def enter(self, rows: Sequence[Desired]) -> None:
        """Insert rows of scripts that nobody has ordered; one that is there stays."""
        ...

    async def save(self, rows: Sequence[Desired]) -> None:
        """Write rows that are locked."""
        ...

    async def remove(self, keys: Collection[DesiredKey]) -> None:
        """Forget rows that are locked."""
        ...

    async def wanted_by(self, delivery_ids: Collection[str]) -> dict[str, str]:
        """The nodes by those of the delivery ids that a row wants; not locked."""
        ...

    async def wanted(self, script_id: str, node_ids: Collection[str]) -> list[Desired]:
        """The rows of a script on these nodes, where an order of it was verified; not locked."""
        ...

    async def claim_due(self, now: datetime, most: int) -> list[DueDesired]:
        """Rows to look at, locked; what another transaction holds is passed over."""
        ...

    async def page(self, question: DriftQuestion, after: DesiredKey | None, limit: int) -> list[Desired]:
        """The rows that are drifted, given up or newer, by node and script."""
        ...
