"""Record what nodes report and what the registry observes of them, a batch in one transaction.

Called by the handlers through a batcher. A message that can never be recorded gets the reason as its own result and
leaves the others alone; when the whole batch fails for an unexpected reason, its messages are recorded one by one,
so that a poisonous one fails alone. Raises Unavailable when the database is away: nothing was recorded then.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from services.deployer.domain.deliveries import Applied, Delivery, Event, Failed, NodeOnline, Observed, Received
from services.deployer.domain.drift import SETTLE
from services.deployer.domain.nodes import Sighting, observed, sighted
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.join_late import recruit
from services.deployer.use_cases.note_drift import note_drift
from services.deployer.use_cases.write_moves import Moves
from shared.backoff import Backoff
from shared.clock import Clock
from shared.contracts.deliveries import DeliveryOutcome, DeliveryReported
from shared.contracts.fleet import NodeObserved
from shared.messaging import Rejected, Unavailable
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

Report = DeliveryReported | NodeObserved
# None: recorded. An exception: why this one message was not.
Result = Exception | None


class RecordReports:
    """See the module's docstring. `due` is called when deliveries have become due before their time."""

    def __init__(
        self,
        store: Store,
        backoff: Backoff,
        due: Callable[[], None],
        clock: Clock,
        randomness: Randomness,
        *,
        settle: timedelta = SETTLE,
    ) -> None:
        self._settle = settle
        self._store = store
        self._due = due
        self._backoff = backoff
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, reports: Sequence[Report]) -> Sequence[Result]:
        """Record them; one result for each, in order."""
        try:
            return await self._record(reports)
        except Unavailable:
            raise
        except Exception as error:
            if len(reports) == 1:
                return [error]
            log.exception("batch_failed", reports=len(reports), next="each is recorded alone")
            return [(await self([report]))[0] for report in reports]

    async def _record(self, reports: Sequence[Report]) -> list[Result]:
        async with self._store.begin() as transaction:
            sightings = await _see(transaction, [report for report in reports if isinstance(report, NodeObserved)])
            told = {report.delivery_id for report in reports if isinstance(report, DeliveryReported)}
            found = await transaction.deliveries.lock(told, {sighting.now.node_id for sighting in sightings})
            now = self._clock.now()
            moves = Moves(found, now)
            repairs = await _repairs(transaction, told - {delivery.id for delivery in found})
            delivered = [report for report in reports if isinstance(report, DeliveryReported)]
            results = [
                self._report(moves, repairs, report) if isinstance(report, DeliveryReported) else None
                for report in reports
            ]
            _compare(moves, sightings)
            if any(sighting.may_be_selected for sighting in sightings):
                await recruit(transaction, moves.deployments(), now)
            await moves.write(transaction)
            await note_drift(transaction, sightings, moves.all(), delivered, settle=self._settle, now=now)
        if any(sighting.came_online for sighting in sightings):
            self._due()
        return results

    def _report(self, moves: Moves, repairs: Mapping[str, str], report: DeliveryReported) -> Result:
        delivery = moves.get(report.delivery_id)
        if delivery is None and repairs.get(report.delivery_id) == report.node_id:
            return None
        if delivery is None:
            return Rejected(f"there is no delivery {report.delivery_id}: it was never ordered by this deployer")
        if delivery.node_id != report.node_id:
            return Rejected(f"delivery {delivery.id} is for node {delivery.node_id!r}, not for {report.node_id!r}")
        moves.apply(delivery.id, self._event(delivery, report))
        return None

    def _event(self, delivery: Delivery, report: DeliveryReported) -> Event:
        match report.outcome:
            case DeliveryOutcome.RECEIVED:
                return Received()
            case DeliveryOutcome.APPLIED:
                return Applied(report.loaded_hash, report.tests_passed)
            case DeliveryOutcome.FAILED:
                wait = self._backoff.delay(len(delivery.failed_attempts), self._randomness)
                again_at = self._clock.now() + timedelta(seconds=wait)
                return Failed(report.attempt, report.cause, _storable(report.reason), again_at)


async def _repairs(transaction: Transaction, unknown: set[str]) -> Mapping[str, str]:
    """The nodes of orders that settle drift: they belong to no deployment."""
    return await transaction.desired.wanted_by(unknown) if unknown else {}


async def _see(transaction: Transaction, events: Sequence[NodeObserved]) -> list[Sighting]:
    if not events:
        return []
    known = await transaction.nodes.lock({event.node_id for event in events})
    sightings = sighted(known, [observed(event) for event in events])
    await transaction.nodes.save([sighting.now for sighting in sightings])
    return sightings


def _compare(moves: Moves, sightings: Sequence[Sighting]) -> None:
    """Hold what nodes run against what they should run."""
    by_node = {sighting.now.node_id: sighting for sighting in sightings}
    for delivery in moves.all():
        sighting = by_node.get(delivery.node_id)
        if sighting is None:
            continue
        loaded = sighting.now.loaded(delivery.artifact.id)
        if loaded is not None:
            moves.apply(delivery.id, Observed(loaded.hash, loaded.tests_passed))
        elif delivery.removes:
            moves.apply(delivery.id, Observed(None, tests_passed=True))
        if sighting.came_online:
            moves.apply(delivery.id, NodeOnline())


def _storable(reason: str | None) -> str | None:
    # JSON may carry a NUL, PostgreSQL's text cannot.
    return None if reason is None else reason.replace("\0", "�")
