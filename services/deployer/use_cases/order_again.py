"""Order once more: the same version for the nodes that failed, or for each node the version that it had before.

Called by the API. Both make new deployments with the policy of the first one; neither waits for an approval or a time
again, and a rollback not for a window either. A rollback aborts what is still under way. Raises Unavailable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.deployer.domain.deployments import Deployment
from services.deployer.domain.plans import Had, PlanEntry
from services.deployer.domain.ports import Store, Transaction
from services.deployer.domain.rollout import Rollout
from services.deployer.domain.targets import NodeIds
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment
from services.deployer.use_cases.steer_deployment import NoSuchDeployment, NotPossible, SteerDeployment
from shared.contracts.bindings import Bind
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
    """One deployment for each version that nodes had before, and the nodes that stay as they are."""

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
        """The same version and policy for the nodes that failed or timed out."""
        async with self._store.begin() as transaction:
            first = await transaction.deployments.one(deployment_id)
            if first is None:
                return NoSuchDeployment()
            failed = await transaction.deliveries.in_states(deployment_id, FAILED)
            if not failed:
                return NothingToRetry()
            node_ids = [delivery.node_id for delivery in failed]
            again = await self._ordered(
                transaction, _again(first, first.artifact.version, first.bind, node_ids, retry_of=first.id)
            )
        self._due()
        return again

    async def rollback(self, deployment_id: str) -> RolledBack | NoSuchDeployment | NotPossible:
        """For each node the version that it had; the deployment itself ends."""
        async with self._store.begin() as transaction:
            first = await transaction.deployments.one(deployment_id)
            if first is None:
                return NoSuchDeployment()
            await transaction.scripts.lock(first.artifact.id)
            if first.state in NOT_BEGUN:
                return NotPossible(first.state)
            if not first.state.final:
                await self._steer.aborted(transaction, deployment_id, WAY_BACK)
            touched = {one.node_id for one in await transaction.deliveries.in_states(deployment_id, list(DeliveryState))
                       if one.attempts}  # fmt: skip
            known = {info.artifact.version: info.artifact.hash
                     for info in await transaction.scripts.versions(first.artifact.id)}  # fmt: skip
            ways: dict[tuple[int, str | tuple[str, ...] | None], list[str]] = {}
            left = list[LeftAlone]()
            for entry in await transaction.plans.whole(deployment_id):
                why = _why_not(entry, first, touched, known)
                if entry.has is None or entry.has.version is None or why is not None:
                    left.append(LeftAlone(entry.node_id, why or "it had no version of the script before"))
                else:
                    ways.setdefault((entry.has.version, _players(first, entry.has)), []).append(entry.node_id)
            made = [
                await self._ordered(
                    transaction, _again(first, version, _bind(accounts), node_ids, rollback_of=first.id)
                )
                for (version, accounts), node_ids in ways.items()
            ]
        self._due()
        return RolledBack(tuple(made), tuple(left))

    async def _ordered(self, transaction: Transaction, wanted: DeploymentOrder) -> Deployment:
        ordered = await self._order.within(transaction, wanted)
        # Version and nodes come from rows that nothing ever deletes.
        assert isinstance(ordered, tuple), ordered
        return ordered[0]


def _again(
    first: Deployment,
    version: int,
    bind: Bind,
    node_ids: Sequence[str],
    *,
    retry_of: str | None = None,
    rollback_of: str | None = None,
) -> DeploymentOrder:
    policy: dict[str, object] = {"approval": False, "start_at": None, "dynamic": False}
    if rollback_of is not None:
        # Who goes back does not wait for the night.
        policy["window"] = None
    rollout: Rollout = first.rollout.model_copy(update=policy)
    return DeploymentOrder(
        script_id=first.artifact.id,
        targets=NodeIds(node_ids),
        version=version,
        bind=bind,
        asked={"node_ids": list(node_ids)},
        rollout=rollout,
        retry_of=retry_of,
        rollback_of=rollback_of,
    )


def _why_not(entry: PlanEntry, first: Deployment, touched: set[str], known: dict[int, str]) -> str | None:
    """Why a node is left alone; None if it is rolled back."""
    if entry.node_id not in touched:
        return "nothing was sent to it"
    if entry.has is None:
        return "it had no version of the script before"
    if entry.has.hash == first.artifact.hash:
        return "it had this version before"
    if entry.has.version is None or known.get(entry.has.version) != entry.has.hash:
        return "what it had is not known here: push that script again and deploy it"
    return None


def _players(first: Deployment, had: Had) -> str | tuple[str, ...] | None:
    """Who played it before; None where the deployment has changed nothing about that."""
    if first.bind is None or not had.accounts:
        return None
    return had.accounts


def _bind(accounts: str | tuple[str, ...] | None) -> Bind:
    if accounts is None:
        return None
    return "all" if isinstance(accounts, str) else list(accounts)
