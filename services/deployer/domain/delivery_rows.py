"""Deliveries in a transaction: the port of the table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.rollout import Window
from shared.contracts.bindings import Bind, Bindings
from shared.contracts.deployments import DeliveryState


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery whose time has come, with what its order needs of its deployment."""

    delivery: Delivery
    node_online: bool
    bind: Bind
    window: Window | None = None
    bindings: Bindings | None = None


class Deliveries(Protocol):
    """Deliveries. At most one of a node and script is not final."""

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert any number."""
        ...

    async def claim_due(self, now: datetime, most: int) -> list[DueDelivery]:
        """Deliveries that are due, locked; what another transaction holds is passed over."""
        ...

    async def lock(self, ids: Collection[str], open_at: Collection[str]) -> list[Delivery]:
        """The deliveries with these ids and the non-final ones of the nodes `open_at`, locked by id."""
        ...

    async def lock_open(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The non-final deliveries of a script to these nodes, locked by id."""
        ...

    async def lock_of(self, deployment_id: str) -> list[Delivery]:
        """The non-final deliveries of a deployment, locked by id."""
        ...

    async def claim_held(
        self, deployment_id: str, group: int, zones: Sequence[str] | None, most: int
    ) -> list[Delivery]:
        """Deliveries of a group that are held back (in these time zones), by node; locked ones are passed over."""
        ...

    async def claim_unsent(self, deployment_id: str) -> list[Delivery]:
        """Pending deliveries of a deployment that are released; locked ones are passed over."""
        ...

    async def applied(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The deliveries of a script that these nodes have applied, and that are not verified; not locked."""
        ...

    async def in_states(self, deployment_id: str, states: Collection[DeliveryState]) -> list[Delivery]:
        """The deliveries of a deployment in these states, by node id."""
        ...

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        """Write what can change of them."""
        ...

    async def pull_forward(self, ids: Collection[str], at: datetime) -> None:
        """Deliveries that were sent to nodes that are online are due by then; locked ones are passed over."""
        ...

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        """The deliveries of a deployment, by node id."""
        ...
