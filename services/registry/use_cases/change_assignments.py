"""Change assignments under locks: what all who do so have in common.

First the rows are read to see which nodes they concern, then the nodes are locked, then the rows. A row that has moved
in between concerns a node that is not locked; the board leaves it as it is, and whoever wants it changed asks again.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from services.registry.domain.assignments import Assignment
from services.registry.domain.board import Board, NodeSet, concerned, orders
from services.registry.domain.node import StoredNode
from services.registry.domain.ports import Transaction


async def locked_board(
    transaction: Transaction,
    account_ids: Collection[str],
    at: datetime,
    *,
    nodes: Iterable[str] = (),
    make: Collection[str] = (),
) -> Board:
    """A board with these accounts, the nodes that they concern and these `nodes`; for `make` there will be rows."""
    rows = await transaction.assignments({*account_ids, *make})
    locked = await transaction.lock_nodes({*concerned(rows.values()), *nodes})
    return await board_on(transaction, locked, account_ids, at, make=make)


async def board_on(
    transaction: Transaction,
    nodes: Mapping[str, StoredNode],
    account_ids: Collection[str],
    at: datetime,
    *,
    make: Collection[str] = (),
) -> Board:
    """A board on nodes that are locked already."""
    rows = await transaction.lock_assignments(account_ids, make)
    # A row that was made just now says no more than none does.
    made = {account_id for account_id, row in rows.items() if row == Assignment(account_id)}
    return Board(nodes, {each: row for each, row in rows.items() if each not in made}, at, made)


async def save(transaction: Transaction, board: Board, answered: Collection[str] = ()) -> dict[str, NodeSet]:
    """Write what has changed on a board, and tell it; the new sets.

    Nodes that are `answered` are told their set by the caller, after the commit.
    """
    await transaction.save_assignments(board.saved)
    await transaction.forget_assignments(board.gone)
    sets: dict[str, NodeSet] = {}
    if board.touched:
        sets = board.sets(await transaction.assigned_to(board.touched))
        await transaction.save_sets([each.node for each in sets.values()])
    told = orders(each for node_id, each in sets.items() if node_id not in answered)
    if board.events or told:
        await transaction.emit([*board.events, *told])
    return sets
