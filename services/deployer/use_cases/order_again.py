"""Order once more: the same for the nodes that failed, or for each node what it had before: a version, or nothing.

Called by the API. Both make new deployments with the policy of the first one; neither waits for an approval or a time
again, and a rollback not for a window either. A rollback aborts what is still under way. Its orders are made one after
the other in one transaction, which therefore takes all their locks before the first of them. Raises Unavailable.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.plans import PlanEntry
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.rollout import Rollout
from services.deployer.domain.targets import NodeIds
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment, Placed
from services.deployer.use_cases.steer_deployment import NoSuchDeployment, NotPossible, SteerDeployment
from shared.contracts.bindings import Bind, Bindings, undone
from shared.contracts.deployments import DeliveryState, DeploymentState

FAILED = (DeliveryState.FAILED, DeliveryState.TIMED_OUT)
NOT_BEGUN = (DeploymentState.PLANNED, DeploymentState.SCHEDULED)
WAY_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class NothingToRetry:
    """None of its nodes has failed or timed out."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A node that is not rolled back, and why."""

    node_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RolledBack:
    """One deployment for each version and cast that nodes had before, and the nodes that stay as they are."""

    deployments: tuple[Deployment, ...]
    left_alone: tuple[LeftAlone, ...]


class OrderAgain:
    """See the module's docstring. `due` is called when there is something to send."""

    def __init__(self, store: Store, order: OrderDeployment, steer: SteerDeployment, due: Callable[[], None]) -> None:
        self._store = store
        self._order = order
        self._steer = steer
        self._due = due

    async def retry(self, deployment_id: str) -> Deployment | NoSuchDeployment | NothingToRetry:
        """The same order and policy for the nodes that failed or timed out."""
        async with self._store.begin() as transaction:
            first = await transaction.deployments.one(deployment_id)
            if first is None:
                return NoSuchDeployment()
            failed = await transaction.deliveries.in_states(deployment_id, FAILED)
            if not failed:
                return NothingToRetry()
            node_ids = [delivery.node_id for delivery in failed]
            same = Way(first.artifact.version, first.removes, _cast(first.bind), _frozen(first.bindings))
            again = await self._ordered(transaction, _again(first, same, node_ids, retry_of=first.id))
        self._due()
        return again

    async def rollback(self, deployment_id: str) -> RolledBack | NoSuchDeployment | NotPossible:
        """For each node the version that it had; the deployment itself ends."""
        async with self._store.begin() as transaction:
            first = await transaction.deployments.one(deployment_id)
            if first is None:
                return NoSuchDeployment()
            await transaction.scripts.lock(first.artifact.id)
            # As it is under the lock: it may have begun since.
            first = await transaction.deployments.one(deployment_id) or first
            if first.state in NOT_BEGUN:
                return NotPossible(first.state)
            entries = await transaction.plans.whole(first.id)
            played = await _locked(transaction, first, [entry.node_id for entry in entries])
            if not first.state.final:
                await self._steer.aborted(transaction, deployment_id, WAY_BACK)
            touched = {one.node_id for one in await transaction.deliveries.in_states(deployment_id, list(DeliveryState))
                       if one.attempts}  # fmt: skip
            known = {info.artifact.version: info.artifact.hash
                     for info in await transaction.scripts.versions(first.artifact.id)}  # fmt: skip
            ways: dict[Way, list[str]] = {}
            left = list[LeftAlone]()
            for entry in entries:
                why = _why_not(entry, first, touched, known)
                if why is not None:
                    left.append(LeftAlone(entry.node_id, why))
                else:
                    ways.setdefault(_way_back(entry, first, played.get(entry.node_id, {})), []).append(entry.node_id)
            made = [
                await self._ordered(transaction, _again(first, way, node_ids, rollback_of=first.id))
                for way, node_ids in ways.items()
            ]
        self._due()
        return RolledBack(tuple(made), tuple(left))

    async def _ordered(self, transaction: Transaction, wanted: DeploymentOrder) -> Deployment:
        placed = await self._order.within(transaction, wanted)
        # Version and nodes come from rows that nothing ever deletes.
        assert isinstance(placed, Placed), placed
        return placed.deployment


async def _locked(transaction: Transaction, first: Deployment, node_ids: Sequence[str]) -> Mapping[str, Bindings]:
    """Lock what a rollback changes, in the order in which everybody does; who plays what."""
    open_ones = await transaction.deliveries.lock_open(first.artifact.id, node_ids)
    waiting = await transaction.deployments.open_ended(first.artifact.id)
    await transaction.deployments.lock({first.id, *waiting, *(one.deployment_id for one in open_ones)})
    return await transaction.bindings.lock(node_ids)


@dataclass(frozen=True, slots=True)
class Way:
    """What is ordered again; nodes with the same way share a deployment."""

    version: int | None
    removes: bool = False
    bind: str | tuple[str, ...] | None = None
    bindings: tuple[tuple[str, str], ...] | None = None


def _again(
    first: Deployment, way: Way, node_ids: Sequence[str], *, retry_of: str | None = None, rollback_of: str | None = None
) -> DeploymentOrder:
    policy: dict[str, object] = {"approval": False, "start_at": None, "dynamic": False}
    if rollback_of is not None:
        # Who goes back does not wait for the night.
        policy["window"] = None
    rollout: Rollout = first.rollout.model_copy(update=policy)
    return DeploymentOrder(
        script_id=first.artifact.id,
        targets=NodeIds(node_ids),
        version=way.version,
        bind=list(way.bind) if isinstance(way.bind, tuple) else "all" if way.bind else None,
        asked={"node_ids": list(node_ids)},
        rollout=rollout,
        retry_of=retry_of,
        rollback_of=rollback_of,
        removes=way.removes,
        bindings=None if way.bindings is None else dict(way.bindings),
    )


def _why_not(entry: PlanEntry, first: Deployment, touched: set[str], known: dict[int, str]) -> str | None:
    """Why a node is left alone; None if it is rolled back."""
    if entry.node_id not in touched:
        return "nothing was sent to it"
    if entry.has is None:
        return "it had nothing of the script before" if first.removes else None
    if entry.has.hash == first.artifact.hash and not first.removes:
        return "it had this version before"
    if entry.has.version is None or known.get(entry.has.version) != entry.has.hash:
        return "what it had is not known here: push that script again and deploy it"
    return None


def _way_back(entry: PlanEntry, first: Deployment, played: Bindings) -> Way:
    """To what the node had, with everybody who plays something else since playing what they played."""
    version = None if entry.has is None else entry.has.version
    removes = entry.has is None
    if entry.before is not None:
        return Way(version, removes, bindings=_frozen(undone(entry.before, first.effect.rebound(entry.before), played)))
    # A plan that was stored before plans kept who played what.
    had = () if entry.has is None or first.bind is None else entry.has.accounts
    return Way(version, removes, bind=had or None)


def _cast(bind: Bind) -> str | tuple[str, ...] | None:
    return tuple(bind) if isinstance(bind, list) else bind


def _frozen(bindings: Bindings | None) -> tuple[tuple[str, str], ...] | None:
    return None if bindings is None else tuple(sorted(bindings.items()))
