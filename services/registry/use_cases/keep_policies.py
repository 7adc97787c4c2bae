"""What an operator wants of a node: its policy, and whether it is being drained.

A drained node gets nothing new, and its accounts go to other nodes one after the other; `jobs` keep at it until it is
empty. `progress` says how far that is, and of every account that has no place why.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.assignments import Takeover, Unassignable
from services.registry.domain.node import NodePolicy, StoredNode
from services.registry.domain.places import NoPlace, Places
from services.registry.domain.ports import FleetReader, FleetStore
from services.registry.domain.views import AssignmentView, DrainView, NodeView, Unplaceable
from services.registry.use_cases.order_assignment import UNKNOWN_NODE
from shared.contracts.assignments import MOST_ASSIGNED, AssignmentState
from shared.messaging import Unavailable


class KeepPolicies:
    """The use case. `empty` sends the accounts of draining nodes away."""

    def __init__(self, store: FleetStore, reader: FleetReader, empty: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._reader = reader
        self._empty = empty

    async def set_policy(self, node_id: str, takeover: Takeover, capacity: int | None) -> NodeView | Unassignable:
        """Say what happens when the node dies, and how many accounts fit on it. Raises Unavailable."""
        refusal = await self._changed(node_id, lambda policy: replace(policy, takeover=takeover, capacity=capacity))
        return refusal or await self._node(node_id)

    async def drain(self, node_id: str, keep: tuple[str, ...]) -> DrainView | Unassignable:
        """Begin to send the node's accounts away, to nodes with the same value of these labels. Raises Unavailable."""
        refusal = await self._changed(node_id, lambda policy: replace(policy, draining=True, keep=keep), drains=True)
        if refusal is not None:
            return refusal
        await self._empty()
        return await self.progress(node_id)

    async def undrain(self, node_id: str) -> DrainView | Unassignable:
        """Let the node have accounts again; what is on its way to another one goes on. Raises Unavailable."""
        refusal = await self._changed(node_id, lambda policy: replace(policy, draining=False, keep=()))
        return refusal or await self.progress(node_id)

    async def progress(self, node_id: str) -> DrainView | Unassignable:
        """How far a drain is. Raises Unavailable."""
        node = await self._reader.node(node_id)
        if node is None:
            return _unknown(node_id)
        question = AssignmentQuestion(node_id=node_id)
        rows = await self._reader.assignment_page(question, "", 2 * MOST_ASSIGNED)
        here = [row for row in rows if row.node_id == node_id]
        staying = [row for row in here if row.state is AssignmentState.ASSIGNED]
        return DrainView(
            node_id=node_id,
            draining=node.draining,
            assigned=len(staying),
            leaving=len(here) - len(staying),
            without_place=await self._without_place(staying) if node.draining and staying else [],
        )

    async def _without_place(self, rows: Sequence[AssignmentView]) -> list[Unplaceable]:
        async with self._store.begin() as transaction:
            places = Places(await transaction.hosts())
        found = [places.place(row) for row in rows]
        return [
            Unplaceable(account_id=each.account_id, reason=each.reason) for each in found if isinstance(each, NoPlace)
        ]

    async def _changed(
        self, node_id: str, change: Callable[[NodePolicy], NodePolicy], *, drains: bool = False
    ) -> Unassignable | None:
        async with self._store.begin() as transaction:
            if not await transaction.hosts([node_id]):
                return _unknown(node_id)
            node = (await transaction.lock_nodes([node_id]))[node_id]
            if drains and not node.takes_assignments:
                return _gives_nothing_back(node)
            await transaction.save_policies([replace(node, policy=change(node.policy))])
        return None

    async def _node(self, node_id: str) -> NodeView:
        view = await self._reader.node(node_id)
        if view is None:
            raise Unavailable(f"node {node_id!r} went away at this moment")
        return view


def _unknown(node_id: str) -> Unassignable:
    return Unassignable(UNKNOWN_NODE, f"no node {node_id!r} has ever reported: `callboard nodes` lists all")


def _gives_nothing_back(node: StoredNode) -> Unassignable:
    why = "its agent is too old to give accounts back, or no agent: upgrade it, or move its session files by hand"
    return Unassignable("node-gives-nothing-back", f"node {node.node_id!r}: {why}")
