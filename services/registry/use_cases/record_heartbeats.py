"""Record a batch of heartbeats: one transaction for all of them, then an outcome for each.

Lock the nodes, judge the beats in pure code, write what the judgement asks for, put the real changes in the
outbox, commit. A lease exists only in the result, so only after the commit, and a node with several beats in the
batch gets one, for its newest. The number of statements does not
depend on the number of beats, but for one more with every thousand account rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from services.registry.domain.accounts import Written, in_pieces, placed
from services.registry.domain.batch import Batch, judged
from services.registry.domain.lease import Answer, Granted, Outcome, Superseded, lease_for
from services.registry.domain.node import observed, visible_change
from services.registry.domain.ports import AccountKey, FleetStore, Transaction
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.isolation import record_each
from shared.clock import Clock
from shared.contracts.accounts import AccountReport
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsChanged
from shared.contracts.heartbeats import HeartbeatReported

Reports = dict[str, list[AccountReport]]


class RecordHeartbeats:
    """The use case. `wake` is called when something was committed to the outbox."""

    def __init__(
        self, store: FleetStore, health: IntakeHealth, clock: Clock, lease_seconds: float, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._health = health
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._wake = wake

    async def __call__(self, beats: Sequence[HeartbeatReported]) -> list[Outcome]:
        """The outcome of each beat, in order. Raises Unavailable: nothing was recorded."""
        with self._health.batch():
            return list(await record_each(beats, self._record))

    async def _record(self, beats: Sequence[HeartbeatReported]) -> list[Answer]:
        async with self._store.begin() as transaction:
            batch = judged(await transaction.lock_nodes(beat.node_id for beat in beats), beats)
            await transaction.save_nodes(list(batch.after.values()), self._lease_seconds)
            through = await transaction.advance_changes(batch.new_ledgers) if batch.new_ledgers else {}
            changed, counted, removed = await _write_accounts(transaction, batch)
            events = _events(batch, changed, removed, self._clock.now())
            if events:
                await transaction.emit(events)
        if events:
            self._wake()
        batch.confirm_changes(through)
        newest = {beat.node_id: beat for beat in sorted(beats, key=lambda each: (each.boot, each.seq))}
        return [self._answer(beat, newest[beat.node_id], batch, counted) for beat in beats]

    def _answer(self, beat: HeartbeatReported, newest: HeartbeatReported, batch: Batch, counted: Reports) -> Answer:
        if beat is not newest and beat.boot == newest.boot:
            return Superseded()
        answer = lease_for(beat, batch.node(beat.node_id), self._lease_seconds)
        if isinstance(answer, Granted):
            return Granted(answer.grant, tuple(counted.get(beat.node_id, ())))
        return answer


async def _write_accounts(transaction: Transaction, batch: Batch) -> tuple[Reports, Reports, list[AccountKey]]:
    if not (batch.groups or batch.removals or batch.full):
        return {}, {}, []
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
    return changed, counted, removed


def _events(batch: Batch, changed: Reports, removed: Iterable[AccountKey], at: datetime) -> list[Contract]:
    events: list[Contract] = []
    for node_id, node in batch.after.items():
        change = visible_change(batch.before[node_id], node)
        if change is not None:
            events.append(observed(node, change, at))
    gone: dict[str, list[str]] = defaultdict(list)
    for node_id, account_id in removed:
        gone[node_id].append(account_id)
    for node_id in changed.keys() | gone.keys():
        reports, account_ids = changed.get(node_id, []), gone.get(node_id, [])
        # Already validated: these are the reports of the beats.
        event = AccountsChanged.model_construct(node_id=node_id, accounts=reports, removed=account_ids, at=at)
        events += in_pieces(event)
    return events
