"""An operator orders where an account runs: on a node, on another one than now, or nowhere.

The row changes at once; the account follows as fast as its node gives it back. An order that cannot be carried out is
refused with what helps, before anything is changed. Who orders the same again changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace

from services.registry.domain.assignments import Assignment, Ordered, Takeover, Unassignable
from services.registry.domain.places import kept_there, unable
from services.registry.domain.ports import FleetReader, FleetStore, Transaction
from services.registry.domain.views import AssignmentView
from services.registry.use_cases.change_assignments import locked_board, save
from shared.clock import Clock
from shared.messaging import Unavailable

UNKNOWN_ACCOUNT = "unknown-account"
UNKNOWN_NODE = "unknown-node"


class OrderAssignment:
    """The use case."""

    def __init__(self, store: FleetStore, reader: FleetReader, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self._wake = wake

    async def __call__(self, account_id: str, node_id: str | None) -> AssignmentView | Unassignable:
        """The assignment as it is then; None takes the account from its node. Raises Unavailable."""
        async with self._store.begin() as transaction:
            refusal = await self._ordered(transaction, account_id, node_id)
        if refusal is not None:
            return refusal
        self._wake()
        return await self._shown(account_id)

    async def keep_policy(self, account_id: str, takeover: Takeover | None) -> AssignmentView | Unassignable:
        """Say what happens when the account's node dies; None: what the node's policy says. Raises Unavailable."""
        async with self._store.begin() as transaction:
            row = (await transaction.lock_assignments([account_id])).get(account_id)
            if row is None:
                return _unknown(account_id)
            await transaction.save_assignments([replace(row, takeover=takeover)])
        return await self._shown(account_id)

    async def _ordered(self, transaction: Transaction, account_id: str, node_id: str | None) -> Unassignable | None:
        nodes = [] if node_id is None else [node_id]
        if nodes and not await transaction.hosts(nodes):
            return Unassignable(UNKNOWN_NODE, f"no node {node_id!r} has ever reported: `callboard nodes` lists all")
        board = await locked_board(transaction, {account_id}, self._clock.now(), nodes=nodes)
        row = board.row(account_id)
        if row is None:
            return _unknown(account_id)
        if not board.holds(row.node_id, row.target):
            raise Unavailable(f"account {account_id!r} was moved at this moment")
        refusal = await _refusal(transaction, row, node_id)
        if refusal is None and isinstance(outcome := board.apply(account_id, Ordered(node_id)), Unassignable):
            refusal = outcome
        await save(transaction, board)
        return refusal

    async def _shown(self, account_id: str) -> AssignmentView:
        view = await self._reader.assignment(account_id)
        if view is None:
            raise Unavailable(f"the assignment of {account_id!r} went away at this moment")
        return view


async def _refusal(transaction: Transaction, row: Assignment, node_id: str | None) -> Unassignable | None:
    """Why its node keeps the account, or the other one cannot have it. Both are locked, so their room is certain."""
    hosts = {host.node_id: host for host in await transaction.hosts({row.node_id or "", node_id or ""})}
    refusal = None
    if row.node_id is not None and row.node_id != node_id:
        refusal = kept_there(row.account_id, row.epoch, row.in_vault, hosts[row.node_id])
    if refusal is None and node_id is not None and node_id not in (row.node_id, row.target):
        refusal = unable(hosts[node_id])
    return refusal


def _unknown(account_id: str) -> Unassignable:
    why = f"nobody has a login of {account_id!r}: upload it, or put its session file into a node's folder"
    return Unassignable(UNKNOWN_ACCOUNT, why)
