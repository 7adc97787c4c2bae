"""From a verified delivery to the row that says what its node should have from now on, in the caller's transaction.

Called where moves are written. The caller holds the deliveries and their deployments; the rows are locked after them,
by node and script. Who plays what by verified orders is kept beside them, because a repair has to restore it.
"""

from collections.abc import Collection, Sequence

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment, Effect
from services.deployer.domain.desired import desired_of
from services.deployer.domain.ports import Store, Transaction
from shared.contracts.bindings import Bindings


async def desire(transaction: Transaction, verified: Sequence[Delivery], deployments: Sequence[Deployment]) -> None:
    """Write the rows of these deliveries; `deployments` has the deployment of each."""
    if not verified:
        return
    by_id = {deployment.id: deployment for deployment in deployments}
    await transaction.desired.want([desired_of(one, by_id[one.deployment_id].drift) for one in verified])
    binding = [one for one in verified if by_id[one.deployment_id].effect.binds]
    if not binding:
        return
    bindings = await transaction.verified_bindings.lock({one.node_id for one in binding})
    for one in binding:
        bindings[one.node_id] = _after(bindings[one.node_id], by_id[one.deployment_id].effect)
    await transaction.verified_bindings.save(bindings)


def _after(before: Bindings | None, effect: Effect) -> Bindings | None:
    """An order for all accounts, or one that names them all, makes unknown bindings known; one for some does not."""
    if before is None and effect.bind != "all" and effect.bindings is None:
        return None
    return effect.rebound(before or {})


async def distrust_bindings(store: Store, node_ids: Collection[str]) -> None:
    """These nodes have something that was not ordered here, and may play it with accounts that nobody here knows of.

    In a transaction of its own: whoever found that out holds desired rows, and reports take them after the bindings.
    """
    if not node_ids:
        return
    async with store.begin() as transaction:
        await transaction.verified_bindings.lock(node_ids)
        await transaction.verified_bindings.save(dict.fromkeys(node_ids))
