"""Record a batch of heartbeats: one transaction for all of them, then an outcome for each.

Lock the nodes, judge the beats in pure code, write what the judgement asks for, put the real changes in the
outbox, commit. A lease exists only in the result, so only after the commit, and a node with several beats in the
batch gets one, for its newest; it names the node's set of assignments as this transaction leaves it. The number of
statements does not depend on the number of beats, but for one more with every thousand account rows.

A node that beats with another ledger than before is another machine with its name: what the earlier start was granted
may still be running. Until that lease is over, and the clocks' drift, the newer start is granted nothing to run, and
what it says of its assignments is not heard (`held`). What may have been answered until then it leaves unanswered.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from services.registry.domain.accounts import Written, in_pieces, placed
from services.registry.domain.batch import Batch, judged
from services.registry.domain.lease import Answer, Granted, Outcome, Superseded, lease_for
from services.registry.domain.node import StoredNode, observed, visible_change
from services.registry.domain.ports import AccountKey, FleetStore, Transaction
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.isolation import record_each
from services.registry.use_cases.settle_reports import Newcomer, Settled, SettleReports, newcomers, targets
from shared.clock import Clock
from shared.contracts.accounts import AccountReport
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsChanged
from shared.contracts.heartbeats import HeartbeatReported

log = structlog.get_logger(__name__)

Reports = dict[str, list[AccountReport]]
# By how much clocks may differ over a lease, unless the settings say otherwise.
DRIFT_MARGIN = timedelta(seconds=10)


class RecordHeartbeats:
    """The use case. `wake` is called when something was committed to the outbox."""

    def __init__(
        self,
        store: FleetStore,
        health: IntakeHealth,
        settle: SettleReports,
        clock: Clock,
        lease_seconds: float,
        wake: Callable[[], None],
        margin: timedelta = DRIFT_MARGIN,
    ) -> None:
        self._settle = settle
        self._store = store
        self._health = health
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._wake = wake
        self._margin = margin

    async def __call__(self, beats: Sequence[HeartbeatReported]) -> list[Outcome]:
        """The outcome of each beat, in order. Raises Unavailable: nothing was recorded."""
        with self._health.batch():
            return list(await record_each(beats, self._record))

    async def _record(self, beats: Sequence[HeartbeatReported]) -> list[Answer]:
        async with self._store.begin() as transaction:
            concerned = {beat.node_id for beat in beats} | await targets(transaction, beats)
            batch = judged(await transaction.lock_nodes(concerned), beats)
            if batch.new_ledgers:
                batch.hold(await self._held(transaction, batch.new_ledgers))
            await transaction.save_nodes(list(batch.after.values()), self._lease_seconds)
            if renewed := batch.renewed(beats):
                await transaction.renew_leases(renewed, self._lease_seconds)
            through = await transaction.advance_changes(batch.new_ledgers) if batch.new_ledgers else {}
            accounts = await _write_accounts(transaction, batch)
            at = self._clock.now()
            settled = await self._settle.of_beats(
                transaction, batch.nodes, batch.newest(beats), accounts.new, accounts.removed, at
            )
            events = _events(batch, accounts.changed, accounts.removed, at)
            if events:
                await transaction.emit(events)
        if events or settled.told:
            self._wake()
        batch.confirm_changes(through)
        batch.after |= {node_id: _named(batch.node(node_id), node) for node_id, node in settled.changed.items()}
        newest = {beat.node_id: beat for beat in sorted(beats, key=lambda each: (each.boot, each.seq))}
        return [self._answer(beat, newest[beat.node_id], batch, accounts.counted, settled) for beat in beats]

    async def _held(self, transaction: Transaction, node_ids: Sequence[str]) -> set[str]:
        """Of nodes that beat from another machine than before: those whose earlier start may still be running."""
        # Before their leases are renewed: what the ledger before knew to be answered is known to nobody any more.
        await transaction.silence(node_ids, self._margin)
        held = await transaction.hold_nodes(node_ids, self._margin)
        if held:
            log.warning(
                "nodes_held", nodes=sorted(held)[:20], reason="started on another machine under a running lease"
            )
        return held

    def _answer(
        self, beat: HeartbeatReported, newest: HeartbeatReported, batch: Batch, counted: Reports, settled: Settled
    ) -> Answer:
        if beat is not newest and beat.boot == newest.boot:
            return Superseded()
        answer = lease_for(beat, batch.node(beat.node_id), self._lease_seconds)
        if not isinstance(answer, Granted):
            return answer
        lacking = settled.sets.get(beat.node_id)
        return Granted(
            answer.grant,
            counted=tuple(counted.get(beat.node_id, ())),
            assign=None if lacking is None else lacking.told,
            wanted=tuple(settled.wanted.get(beat.node_id, ())),
        )


@dataclass(frozen=True, slots=True)
class _Accounts:
    """What became of the account rows."""

    changed: Reports = field(default_factory=dict)
    counted: Reports = field(default_factory=dict)
    removed: list[AccountKey] = field(default_factory=list)
    new: list[Newcomer] = field(default_factory=list)


async def _write_accounts(transaction: Transaction, batch: Batch) -> _Accounts:
    if not (batch.groups or batch.removals or batch.full):
        return _Accounts()
    written = await transaction.write_accounts(batch.groups) if batch.groups else Written()
    removed = await transaction.remove_accounts(batch.removals) if batch.removals else []
    removed += await transaction.remove_unlisted(batch.full) if batch.full else []
    changed: Reports = defaultdict(list)
    counted: Reports = defaultdict(list)
    for group, places in placed(batch.groups):
        for place, report in zip(places, group.reports, strict=True):
            if place in written.changed:
                changed[group.node_id].append(report)
            elif place in written.counted:
                counted[group.node_id].append(report)
    return _Accounts(changed, counted, removed, newcomers(batch.groups, written))


def _named(node: StoredNode, with_set: StoredNode) -> StoredNode:
    """The node after the batch, with the name of the set that it has now."""
    return replace(node, assignment_revision=with_set.assignment_revision, assignment_digest=with_set.assignment_digest)


def _events(batch: Batch, changed: Reports, removed: Iterable[AccountKey], at: datetime) -> list[Contract]:
    events: list[Contract] = []
    for node_id, node in batch.after.items():
        change = visible_change(batch.before[node_id], node)
        if change is not None:
            events.append(observed(node, change, at))
    gone: dict[str, list[str]] = defaultdict(list)
    for node_id, account_id in removed:
        gone[node_id].append(account_id)
    for node_id in sorted(changed.keys() | gone.keys()):
        reports, account_ids = changed.get(node_id, []), gone.get(node_id, [])
        # Already validated: these are the reports of the beats.
        event = AccountsChanged.model_construct(node_id=node_id, accounts=reports, removed=account_ids, at=at)
        events += in_pieces(event)
    return events
