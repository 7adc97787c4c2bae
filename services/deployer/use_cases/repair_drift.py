"""Look at what may have drifted, and bring it back: the other level-triggered half. Called by the drift job.

Each row whose time has come is compared with what is known of its node by now. Where a repair is due, the order that
was verified is written to the outbox in the transaction that counts the attempt. Any number of replicas may do this at
once; one batch costs the same few statements whatever its size. Raises Unavailable.
"""

from datetime import timedelta

import structlog

from services.deployer.domain.desired import Desired, compared
from services.deployer.domain.desired_rows import DueDesired
from services.deployer.domain.drift import Circumstances, Step, looked
from services.deployer.domain.orders import UrlOf, repair_order
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.desire import distrust_bindings
from services.deployer.use_cases.note_drift import DriftNotes, is_known, known_contents
from shared.backoff import Backoff
from shared.clock import Clock
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.bindings import Bindings
from shared.contracts.drift import DriftNews, DriftState
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# At most 12 MB of inline content in one transaction.
BATCH = 200


class RepairDrift:
    """See the module's docstring. `backoff` spaces the repairs of one script on one node."""

    def __init__(self, store: Store, url_of: UrlOf, backoff: Backoff, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._url_of = url_of
        self._backoff = backoff
        self._clock = clock
        self._randomness = randomness

    async def __call__(self) -> bool:
        """Look at one batch; whether there may be more."""
        now = self._clock.now()
        async with self._store.begin() as transaction:
            due = await transaction.desired.claim_due(now, BATCH)
            if not due:
                return False
            known = await known_contents(transaction, [(one.row, _loaded(one)) for one in due])
            notes = DriftNotes([one.row for one in due], now)
            orders: list[tuple[Desired, Bindings | None]] = []
            for one in due:
                loaded = _loaded(one)
                finding = compared(one.row, loaded, one.on_its_way, known=is_known(known, loaded))
                step = looked(one.row, finding, self._circumstances(one), now)
                notes.take(one.row.key, step)
                _tell(step)
                if step.order and step.row is not None:
                    orders.append((step.row, one.bindings))
            await notes.write(transaction)
            await self._order(transaction, orders)
        await distrust_bindings(self._store, {row.node_id for row in notes.rows() if row.state is DriftState.NEWER})
        return len(due) == BATCH

    def _circumstances(self, due: DueDesired) -> Circumstances:
        online = due.node is not None and due.node.online
        silent = due.node is not None and not due.node.artifacts
        return Circumstances(online, due.busy, self._wait, silent)

    def _wait(self, repairs: int) -> timedelta:
        return timedelta(seconds=self._backoff.delay(repairs, self._randomness))

    async def _order(self, transaction: Transaction, orders: list[tuple[Desired, Bindings | None]]) -> None:
        wants = [(row.node_id, row.want, bindings) for row, bindings in orders if row.want is not None]
        if not wants:
            return
        contents = await transaction.scripts.contents({(w.artifact.id, w.artifact.version) for _, w, _ in wants})
        await transaction.announce(
            repair_order(node_id, want, contents[want.artifact.id, want.artifact.version], bindings, self._url_of)
            for node_id, want, bindings in wants
        )


def _loaded(due: DueDesired) -> AppliedArtifact | None:
    return due.node.loaded(due.row.script_id) if due.node else None


def _tell(step: Step) -> None:
    row = step.row
    if row is None or step.news is None:
        return
    level = log.info if step.news is DriftNews.REPAIRED else log.warning
    level("drift", news=step.news, node=row.node_id, script=row.script_id, kind=row.kind, reason=row.reason)
