"""Hold what nodes have against what they should have, when they are observed; and hear what they say of repairs.

Called in the transaction that records reports, after the deliveries were moved. What is found here is only noted, with
the time to look again: `RepairDrift` draws the conclusions. A script that nobody has ordered gets a row, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.desired import Desired, Newer, compared
from services.deployer.domain.desired_rows import DesiredKey
from services.deployer.domain.drift import Step, announcement, done, noted, refused
from services.deployer.domain.nodes import Sighting
from services.deployer.domain.ports import Transaction
from services.deployer.domain.script_rows import ContentKey
from shared.contracts.artifacts import AppliedArtifact, Artifact, ArtifactKind
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliveryOutcome, DeliveryReported
from shared.contracts.drift import DriftState


class DriftNotes:
    """The rows of one transaction, and what has become of them."""

    def __init__(self, rows: Sequence[Desired], now: datetime) -> None:
        self._now = now
        self._before = {row.key: row for row in rows}
        self._after: dict[DesiredKey, Desired | None] = dict(self._before)
        self._news: list[Contract] = []

    def row(self, key: DesiredKey) -> Desired | None:
        """A row as it is now."""
        return self._after.get(key)

    def rows(self) -> list[Desired]:
        """Every row that is left."""
        return [row for row in self._after.values() if row is not None]

    def take(self, key: DesiredKey, step: Step) -> None:
        """This has become of a row."""
        self._after[key] = step.row
        if step.news is not None and step.row is not None:
            self._news.append(announcement(step.row, step.news, self._now))

    async def write(self, transaction: Transaction) -> None:
        """Write everything that changed."""
        rows = transaction.desired
        changed = [row for key, row in self._after.items() if row is not None and row != self._before.get(key)]
        entered = [row for row in changed if row.key not in self._before]
        saved = [row for row in changed if row.key in self._before]
        removed = [key for key, row in self._after.items() if row is None and key in self._before]
        if entered:
            await rows.enter(entered)
        if saved:
            await rows.save(saved)
        if removed:
            await rows.remove(removed)
        if self._news:
            await transaction.announce(self._news)


async def note_drift(
    transaction: Transaction,
    sightings: Sequence[Sighting],
    deliveries: Iterable[Delivery],
    reports: Sequence[DeliveryReported],
    *,
    settle: timedelta,
    now: datetime,
) -> None:
    """Note it. `deliveries` has every delivery of the sighted nodes that is not final."""
    ended = {report.delivery_id: report for report in reports if _may_be_of_a_repair(report)}
    if not sightings and not ended:
        return
    seen = {sighting.now.node_id: sighting for sighting in sightings}
    notes = DriftNotes(await transaction.desired.lock(seen, ended), now)
    on_its_way = {
        (one.node_id, one.artifact.id): one.created_at for one in deliveries if one.released and not one.state.final
    }
    _enter_strangers(notes, seen, on_its_way)
    known = await known_contents(transaction, [(row, _loaded(seen, row)) for row in notes.rows()])
    for row in notes.rows():
        sighting = seen.get(row.node_id)
        if sighting is not None:
            loaded = _loaded(seen, row)
            finding = compared(row, loaded, on_its_way.get(row.key), known=is_known(known, loaded))
            notes.take(row.key, noted(row, finding, now, settle=settle, came_online=sighting.came_online))
    _hear(notes, ended)
    await notes.write(transaction)


async def known_contents(
    transaction: Transaction, rows: Sequence[tuple[Desired, AppliedArtifact | None]]
) -> Mapping[ContentKey, Artifact]:
    """The contents that nodes have instead of the desired ones, as far as they are stored as versions."""
    others = {
        (loaded.id, loaded.hash)
        for row, loaded in rows
        if loaded is not None and (row.want is None or row.want.artifact.hash != loaded.hash)
    }
    return await transaction.scripts.known(others) if others else {}


def is_known(known: Mapping[ContentKey, Artifact], loaded: AppliedArtifact | None) -> bool:
    """Whether what is loaded is among the known contents."""
    return loaded is not None and (loaded.id, loaded.hash) in known


def _loaded(seen: Mapping[str, Sighting], row: Desired) -> AppliedArtifact | None:
    sighting = seen.get(row.node_id)
    return sighting.now.loaded(row.script_id) if sighting else None


def _enter_strangers(
    notes: DriftNotes, seen: Mapping[str, Sighting], on_its_way: Mapping[DesiredKey, datetime]
) -> None:
    """Rows for what nodes have although no order of it was verified here."""
    for node_id, sighting in seen.items():
        for artifact in sighting.now.artifacts:
            key = (node_id, artifact.id)
            if artifact.kind is not ArtifactKind.SCRIPT or notes.row(key) is not None:
                continue
            row = Desired(node_id, artifact.id, None)
            if isinstance(compared(row, artifact, on_its_way.get(key), known=False), Newer):
                notes.take(key, Step(row))


def _may_be_of_a_repair(report: DeliveryReported) -> bool:
    # What was applied in the first attempt is a plain rollout, for which nothing has to be looked up.
    applied = report.outcome is DeliveryOutcome.APPLIED and report.attempt > 1
    return applied or report.outcome is DeliveryOutcome.FAILED


def _hear(notes: DriftNotes, ended: Mapping[str, DeliveryReported]) -> None:
    for row in notes.rows():
        report = ended.get(row.want.delivery_id) if row.want else None
        if report is None or report.node_id != row.node_id or row.state is not DriftState.DRIFTED:
            continue
        if report.outcome is DeliveryOutcome.APPLIED:
            notes.take(row.key, done(row, report.attempt))
        else:
            reason = None if report.reason is None else report.reason.replace("\0", "\N{REPLACEMENT CHARACTER}")
            notes.take(row.key, refused(row, report.attempt, report.cause, reason))
