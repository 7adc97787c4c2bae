"""What reports of nodes do to assignments, in the transaction that records the reports.

A node that reports a login of its folder gets it, if nobody has it; what it has in a higher epoch than is known here is
learnt; what it has given back goes on; what it lacks is asked for. Nearly every batch has nothing of all that, and then
nothing is asked of the store. Otherwise it is a few statements for the whole batch, whatever its size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.registry.domain.accounts import AccountGroup, Written, placed
from services.registry.domain.assignments import ASSIGNED, Assignment, GivenBack, LeftFolder, Reported, Waived
from services.registry.domain.board import Board, NodeSet, is_ahead
from services.registry.domain.node import StoredNode
from services.registry.domain.ports import AccountKey, Transaction
from services.registry.use_cases.change_assignments import board_on, save
from shared.contracts.assignments import SessionWanted
from shared.contracts.heartbeats import HeartbeatReported

# An account with what a node reports of it.
Newcomer = tuple[str, Reported]


@dataclass(frozen=True, slots=True)
class Settled:
    """What comes of beats: the nodes whose sets have changed, what is to be told to nodes, and the logins they lack.

    `told` is whether the outbox has something.
    """

    changed: Mapping[str, StoredNode] = field(default_factory=dict)
    sets: Mapping[str, NodeSet] = field(default_factory=dict)
    wanted: Mapping[str, Sequence[SessionWanted]] = field(default_factory=dict)
    told: bool = False


def newcomers(groups: Sequence[AccountGroup], written: Written) -> list[Newcomer]:
    """What was just written for the first time, or in another epoch."""
    if not written.placed:
        return []
    return [
        (report.account_id, Reported(group.node_id, report.epoch or 0))
        for group, places in placed(groups)
        for place, report in zip(places, group.reports, strict=True)
        if place in written.placed
    ]


async def targets(transaction: Transaction, beats: Iterable[HeartbeatReported]) -> set[str]:
    """The nodes that wait for what these beats give back: they have to be locked together with those that give."""
    given = {each.account_id for beat in beats for each in beat.released}
    rows = await transaction.assignments(given) if given else {}
    return {row.target for row in rows.values() if row.target is not None}


class SettleReports:
    """See the module's docstring. The state that a node handed back is waited for `patience` from the assignment on."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience

    async def of_changes(
        self, transaction: Transaction, nodes: Mapping[str, StoredNode], new: Sequence[Newcomer], at: datetime
    ) -> bool:
        """Of account changes that did not wait for a beat; whether the outbox has something."""
        if not new:
            return False
        board = await board_on(transaction, nodes, (), at, make={account_id for account_id, _ in new})
        for account_id, reported in new:
            board.apply(account_id, reported)
        await save(transaction, board)
        return bool(board.touched or board.events)

    async def of_beats(
        self,
        transaction: Transaction,
        nodes: Mapping[str, StoredNode],
        beats: Sequence[HeartbeatReported],
        new: Sequence[Newcomer],
        gone: Sequence[AccountKey],
        at: datetime,
    ) -> Settled:
        """Of the newest beat of each node, none of them stale. `nodes` are as they are after these beats."""
        wanting = {account_id for beat in beats for account_id in beat.wanting}
        rows = await transaction.assignments(wanting) if wanting else {}
        late = [account_id for account_id, row in rows.items() if self._waited_enough(row, at)]
        given = [each.account_id for beat in beats for each in beat.released]
        ahead = any(beat.assignments is not None and is_ahead(beat.assignments, nodes[beat.node_id]) for beat in beats)
        board: Board | None = None
        changed: dict[str, NodeSet] = {}
        if new or gone or late or given or ahead:
            accounts = {*late, *given, *(account_id for _, account_id in gone)}
            board = await board_on(transaction, nodes, accounts, at, make={account_id for account_id, _ in new})
            _change(board, beats, new, gone, late)
            changed = await save(transaction, board, answered={beat.node_id for beat in beats})
            rows |= {account_id: row for account_id in wanting if (row := board.row(account_id)) is not None}
        after = {**nodes, **{node_id: each.node for node_id, each in changed.items()}}
        return Settled(
            changed={node_id: each.node for node_id, each in changed.items()},
            sets=await _to_tell(transaction, after, beats, changed),
            wanted=_wanted(after, beats, rows, at) if wanting else {},
            told=board is not None and bool(board.touched or board.events),
        )

    def _waited_enough(self, row: Assignment, at: datetime) -> bool:
        waits = row.handed_back is not None and row.in_vault is not None
        return waits and row.since is not None and at - row.since > self._patience


def _change(
    board: Board,
    beats: Sequence[HeartbeatReported],
    new: Sequence[Newcomer],
    gone: Sequence[AccountKey],
    late: Sequence[str],
) -> None:
    # First the numbers of the sets: every entry that changes is told in the number that follows.
    for beat in beats:
        if beat.assignments is not None:
            board.continue_above(beat.node_id, beat.assignments)
    for node_id, account_id in gone:
        board.apply(account_id, LeftFolder(node_id, gives_back=board.node(node_id).takes_assignments))
        board.admit(node_id, account_id)
    for account_id, reported in new:
        board.apply(account_id, reported)
    for beat in beats:
        revision = -1 if beat.assignments is None else beat.assignments.revision
        for each in beat.released:
            word = GivenBack(beat.node_id, each.epoch, revision, each.session_hash, each.heard_until)
            board.apply(each.account_id, word)
    for account_id in late:
        board.apply(account_id, Waived())


async def _to_tell(
    transaction: Transaction,
    nodes: Mapping[str, StoredNode],
    beats: Sequence[HeartbeatReported],
    changed: Mapping[str, NodeSet],
) -> dict[str, NodeSet]:
    """The sets of the nodes that go by another one than theirs."""
    lacking = [beat.node_id for beat in beats if _goes_by_another(beat, nodes[beat.node_id])]
    asked = [node_id for node_id in lacking if node_id not in changed]
    accounts = await transaction.assigned_to(asked) if asked else {}
    unchanged = {node_id: NodeSet(nodes[node_id], tuple(accounts.get(node_id, ()))) for node_id in asked}
    return {node_id: changed.get(node_id) or unchanged[node_id] for node_id in lacking}


def _goes_by_another(beat: HeartbeatReported, node: StoredNode) -> bool:
    told = beat.assignments
    return told is not None and (told.revision, told.digest) != (node.assignment_revision, node.assignment_digest)


def _wanted(
    nodes: Mapping[str, StoredNode], beats: Sequence[HeartbeatReported], rows: Mapping[str, Assignment], at: datetime
) -> dict[str, list[SessionWanted]]:
    """The logins that nodes lack and may have. Of an epoch that was learnt from the node itself none is sent.

    A node is answered once it goes by a set that has the account as it is now: what that says of a login has to be
    there before the login.
    """
    found: dict[str, list[SessionWanted]] = {}
    for beat in beats:
        key, told = nodes[beat.node_id].sealing_key, beat.assignments
        for row in (rows[account_id] for account_id in beat.wanting if account_id in rows):
            if key is None or row.adopted or (row.state, row.node_id) != (ASSIGNED, beat.node_id) or row.epoch == 0:
                continue
            if told is not None and told.revision < row.told_in:
                continue
            wanted = SessionWanted.model_construct(
                node_id=beat.node_id,
                account_id=row.account_id,
                epoch=row.epoch,
                sealing_key=key,
                at_least=row.handed_back,
                at=at,
            )
            found.setdefault(beat.node_id, []).append(wanted)
    return found
