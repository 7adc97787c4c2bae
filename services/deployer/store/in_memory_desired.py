"""The twin of `store.desired` and `store.verified_bindings`, on the tables of `store.in_memory`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.desired import Desired
from services.deployer.domain.desired_rows import DesiredKey, DriftQuestion, DueDesired
from services.deployer.domain.drift import SHOWN
from services.deployer.domain.nodes import Node
from shared.contracts.bindings import Bindings
from shared.contracts.deployments import DeliveryState


class InMemoryDesired:
    """Implements `domain.desired_rows.DesiredRows`."""

    def __init__(
        self,
        rows: dict[DesiredKey, Desired],
        nodes: Mapping[str, Node],
        deliveries: Mapping[str, Delivery],
        bindings: Mapping[str, Bindings | None],
    ) -> None:
        self._rows = rows
        self._nodes = nodes
        self._deliveries = deliveries
        self._bindings = bindings

    async def want(self, rows: Sequence[Desired]) -> None:
        """Write rows of verified deliveries; one by a later order stays."""
        for row in rows:
            known = self._rows.get(row.key)
            before = known.want if known else None
            if before is None or (row.want is not None and before.ordered_at <= row.want.ordered_at):
                self._rows[row.key] = row

    async def lock(self, node_ids: Collection[str], delivery_ids: Collection[str]) -> list[Desired]:
        """The rows of these nodes and those that want one of these deliveries."""
        return [
            row
            for _, row in sorted(self._rows.items())
            if row.node_id in node_ids or (row.want and row.want.delivery_id in delivery_ids)
        ]

    async def lock_one(self, key: DesiredKey) -> Desired | None:
        """One row."""
        return self._rows.get(key)

    async def enter(self, rows: Sequence[Desired]) -> None:
        """Insert rows; one that is there stays."""
        for row in rows:
            self._rows.setdefault(row.key, row)

    async def save(self, rows: Sequence[Desired]) -> None:
        """Write rows."""
        self._rows.update({row.key: row for row in rows})

    async def remove(self, keys: Collection[DesiredKey]) -> None:
        """Forget rows."""
        for key in keys:
            self._rows.pop(key, None)

    async def wanted_by(self, delivery_ids: Collection[str]) -> dict[str, str]:
        """The nodes by those of the delivery ids that a row wants."""
        wants = ((row.want.delivery_id, row.node_id) for row in self._rows.values() if row.want)
        return {delivery_id: node_id for delivery_id, node_id in wants if delivery_id in delivery_ids}

    async def wanted(self, script_id: str, node_ids: Collection[str]) -> list[Desired]:
        """The rows of a script on these nodes, where an order of it was verified."""
        rows = (row for _, row in sorted(self._rows.items()) if row.want is not None)
        return [row for row in rows if row.script_id == script_id and row.node_id in node_ids]

    async def claim_due(self, now: datetime, most: int) -> list[DueDesired]:
        """Rows to look at."""
        due = [row for row in self._rows.values() if row.look_at is not None and row.look_at <= now]
        due.sort(key=lambda row: (row.look_at or now, row.key))
        return [self._with_context(row) for row in due[:most]]

    async def page(self, question: DriftQuestion, after: DesiredKey | None, limit: int) -> list[Desired]:
        """The rows that are drifted, given up or newer."""
        asked = [
            row
            for key, row in sorted(self._rows.items())
            if row.state in SHOWN
            and question.node_id in (None, row.node_id)
            and question.script_id in (None, row.script_id)
            and question.kind in (None, row.kind)
            and question.state in (None, row.state)
            and (after is None or key > after)
        ]
        return asked[:limit]

    def _with_context(self, row: Desired) -> DueDesired:
        open_ = [one for one in self._deliveries.values() if one.node_id == row.node_id and not one.state.final]
        ours = [one.created_at for one in open_ if one.released and one.artifact.id == row.script_id]
        busy = any(one.state is not DeliveryState.PENDING for one in open_)
        return DueDesired(
            row, self._nodes.get(row.node_id), max(ours, default=None), busy, self._bindings.get(row.node_id)
        )


class InMemoryVerifiedBindings:
    """Implements `domain.binding_rows.VerifiedBindings`."""

    def __init__(self, bindings: dict[str, Bindings | None]) -> None:
        self._bindings = bindings

    async def lock(self, node_ids: Collection[str]) -> dict[str, Bindings | None]:
        """The bindings of these nodes."""
        return {node_id: self._bindings.get(node_id, {}) for node_id in sorted(node_ids)}

    async def save(self, bindings: Mapping[str, Bindings | None]) -> None:
        """Write bindings."""
        self._bindings.update(bindings)
