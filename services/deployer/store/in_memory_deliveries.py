"""The twin of `store.deliveries`, on the tables of `store.in_memory`."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.delivery_rows import DueDelivery
from services.deployer.store.in_memory_tables import Tables
from shared.contracts.deployments import DeliveryState


class InMemoryDeliveries:
    """Implements `domain.delivery_rows.Deliveries`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._deliveries = tables.deliveries

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert any number."""
        for delivery in deliveries:
            if await self.lock_open(delivery.artifact.id, [delivery.node_id]):
                raise ValueError(f"node {delivery.node_id} has an open delivery of {delivery.artifact.id}")
            self._deliveries[delivery.id] = delivery

    async def claim_due(self, now: datetime, most: int) -> list[DueDelivery]:
        """Deliveries that are due, locked; what another transaction holds is passed over."""
        due = [one for one in self._deliveries.values() if not one.state.final and one.next_attempt_at <= now]
        due.sort(key=lambda one: one.next_attempt_at)
        return [self._with_context(delivery) for delivery in due[:most]]

    def _with_context(self, delivery: Delivery) -> DueDelivery:
        node = self._tables.nodes.get(delivery.node_id)
        deployment = self._tables.deployments[delivery.deployment_id]
        online = node is not None and node.online
        return DueDelivery(delivery, online, deployment.bind, deployment.rollout.window, deployment.bindings)

    async def lock(self, ids: Collection[str], open_at: Collection[str]) -> list[Delivery]:
        """The deliveries with these ids and the non-final ones of the nodes `open_at`, locked by id."""
        return [
            delivery
            for id_, delivery in sorted(self._deliveries.items())
            if id_ in ids or (not delivery.state.final and delivery.node_id in open_at)
        ]

    async def lock_open(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The non-final deliveries of a script to these nodes, locked by id."""
        found = await self.lock([], node_ids)
        return [delivery for delivery in found if delivery.artifact.id == script_id]

    async def lock_of(self, deployment_id: str) -> list[Delivery]:
        """The non-final deliveries of a deployment, locked by id."""
        return [one for _, one in sorted(self._deliveries.items()) if self._is_open(one, deployment_id)]

    async def claim_held(
        self, deployment_id: str, group: int, zones: Sequence[str] | None, most: int
    ) -> list[Delivery]:
        """Deliveries of a group that are held back (in these time zones), by node; locked ones are passed over."""
        found = [
            one
            for one in self._deliveries.values()
            if self._is_open(one, deployment_id)
            and not one.released
            and one.group == group
            and (zones is None or one.zone in zones)
        ]
        return sorted(found, key=lambda one: one.node_id)[:most]

    async def claim_unsent(self, deployment_id: str) -> list[Delivery]:
        """Pending deliveries of a deployment that are released; locked ones are passed over."""
        open_ones = await self.lock_of(deployment_id)
        return [one for one in open_ones if one.released and one.state is DeliveryState.PENDING]

    async def applied(self, script_id: str, node_ids: Collection[str]) -> list[Delivery]:
        """The deliveries of a script that these nodes have applied, and that are not verified."""
        found = await self.lock_open(script_id, node_ids)
        return [delivery for delivery in found if delivery.state is DeliveryState.APPLIED]

    async def in_states(self, deployment_id: str, states: Collection[DeliveryState]) -> list[Delivery]:
        """The deliveries of a deployment in these states, by node id."""
        found = [one for one in self._deliveries.values() if one.deployment_id == deployment_id and one.state in states]
        return sorted(found, key=lambda one: one.node_id)

    def _is_open(self, delivery: Delivery, deployment_id: str) -> bool:
        return delivery.deployment_id == deployment_id and not delivery.state.final

    async def save(self, deliveries: Sequence[Delivery]) -> None:
        """Write what can change of them."""
        self._deliveries.update({delivery.id: delivery for delivery in deliveries})

    async def pull_forward(self, ids: Collection[str], at: datetime) -> None:
        """Deliveries that were sent to nodes that are online are due by then."""
        for one in await self.lock(ids, []):
            node = self._tables.nodes.get(one.node_id)
            if not one.state.final and one.attempts and node is not None and node.online:
                await self.save([replace(one, next_attempt_at=min(one.next_attempt_at, at))])

    async def page(self, deployment_id: str, after: str | None, limit: int) -> list[Delivery]:
        """The deliveries of a deployment, by node id."""
        found = [
            one
            for one in self._deliveries.values()
            if one.deployment_id == deployment_id and one.node_id > (after or "")
        ]
        return sorted(found, key=lambda one: one.node_id)[:limit]
