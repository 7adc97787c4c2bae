"""Send accounts away from nodes that are drained or dead, each to the node that fits it best (`domain/places.py`).

Places are looked for before anything is locked. Under the locks the room of the chosen nodes is counted again, because
others may have sent accounts there; what has none left stays where it is, and the job that wants it away tries again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.registry.domain.assignments import Assignment, Ordered
from services.registry.domain.places import Placed, Places
from services.registry.domain.ports import Transaction
from services.registry.use_cases.change_assignments import locked_board, save


async def send_away(
    transaction: Transaction, rows: Sequence[Assignment], reason: Callable[[str], str], at: datetime
) -> int:
    """Ask these accounts back from their nodes, for others; how many. `reason` says why, of a node."""
    places = Places(await transaction.hosts())
    found = [places.place(row) for row in rows]
    chosen = [each for each in found if isinstance(each, Placed)]
    if not chosen:
        return 0
    targets = {each.node_id for each in chosen}
    board = await locked_board(transaction, {each.account_id for each in chosen}, at, nodes=targets)
    room = {host.node_id: host.room for host in await transaction.hosts(targets)}
    sent_from = {row.account_id: row.node_id for row in rows}
    for each in chosen:
        row, leaves = board.row(each.account_id), sent_from[each.account_id]
        if row is None or leaves is None or row.node_id != leaves or not room[each.node_id]:
            continue
        board.apply(each.account_id, Ordered(each.node_id, reason(leaves)))
        room[each.node_id] -= 1
    await save(transaction, board)
    return len(board.events)
