"""What an operator does about drift: look at it, adopt what a node has, or overwrite it with what is desired.

Called by the API. Adopting takes the node's version and order as the desired ones, so it needs the version to be stored
here. Overwriting makes the desired version an order that is later than whatever the node has, and has it repaired
whatever the policy. Raises Unavailable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.deployer.domain.desired import Desired
from services.deployer.domain.desired_rows import DesiredKey, DriftQuestion
from services.deployer.domain.drift import SHOWN, adopted, overwritten
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.desire import distrust_bindings
from services.deployer.use_cases.note_drift import DriftNotes
from shared.clock import Clock
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.drift import DriftKind
from shared.randomness import Randomness

# A node tells when its order was made by some deployer's clock; one from the far future would spoil all later orders.
MOST_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NoDrift:
    """The node has what it should have of this script, or nothing is known of the two."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    """Why it cannot be done, and what can."""

    reason: str


Settled = Desired | NoDrift | NotPossible


class SettleDrift:
    """See the module's docstring. `due` is called when there is something to repair."""

    def __init__(self, store: Store, due: Callable[[], None], clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._due = due
        self._clock = clock
        self._randomness = randomness

    async def page(self, question: DriftQuestion, after: DesiredKey | None, limit: int) -> list[Desired]:
        """The differences, by node and script."""
        async with self._store.begin() as transaction:
            return await transaction.desired.page(question, after, limit)

    async def adopt(self, node_id: str, script_id: str) -> Settled:
        """Desire what the node has."""
        now = self._clock.now()
        async with self._store.begin() as transaction:
            row = await _shown(transaction, (node_id, script_id))
            if row is None:
                return NoDrift()
            found = row.found
            if found is None:
                return NotPossible(f"node {node_id!r} has nothing of it to adopt: overwrite it, or deploy a version")
            if row.kind in (DriftKind.ALTERED, DriftKind.MISSING):
                return NotPossible("what is loaded is the desired version, its file is not: overwrite it")
            known = await transaction.scripts.known([(script_id, found.hash)])
            artifact = known.get((script_id, found.hash))
            if artifact is None:
                return NotPossible(
                    f"the content that the node runs ({found.hash}, version {found.version} there) is not stored here: "
                    "push that script again, then adopt it"
                )
            if refusal := _too_far_ahead(found, now):
                return refusal
            delivery_id = found.delivery_id or self._randomness.new_id("dlv_")
            notes = DriftNotes([row], now)
            notes.take(row.key, adopted(row, artifact, delivery_id, found.ordered_at or now))
            await notes.write(transaction)
        await distrust_bindings(self._store, [node_id])
        return notes.row(row.key) or NoDrift()

    async def overwrite(self, node_id: str, script_id: str) -> Settled:
        """Bring the desired version back."""
        now = self._clock.now()
        async with self._store.begin() as transaction:
            row = await _shown(transaction, (node_id, script_id))
            if row is None:
                return NoDrift()
            if row.want is None:
                return NotPossible(
                    f"nothing is desired of script {script_id!r} on node {node_id!r}: deploy a version, or adopt"
                )
            if row.found is not None and (refusal := _too_far_ahead(row.found, now)):
                return refusal
            notes = DriftNotes([row], now)
            notes.take(row.key, overwritten(row, row.want, self._randomness.new_id("dlv_"), now))
            await notes.write(transaction)
        self._due()
        return notes.row(row.key) or NoDrift()


async def _shown(transaction: Transaction, key: DesiredKey) -> Desired | None:
    row = await transaction.desired.lock_one(key)
    return row if row is not None and row.state in SHOWN else None


def _too_far_ahead(found: AppliedArtifact, now: datetime) -> NotPossible | None:
    if found.ordered_at is None or found.ordered_at <= now + MOST_AHEAD:
        return None
    return NotPossible(
        f"the node says that its order was made at {found.ordered_at.isoformat()}, which is yet to come: "
        "look at the clocks of the deployer and the node, then empty the node's state folder"
    )
