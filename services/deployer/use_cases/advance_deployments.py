"""Advance deployments whose time to be looked at has come. Called by a job, by any number of replicas at once.

`domain.advancing` decides, this does it. A deployment is claimed and then its deliveries, which is against the order in
which everybody else takes locks; therefore nothing here ever waits for a delivery: what another transaction holds is
passed over and asked for again. What has to wait for deliveries (a start, an abort) is done in a transaction of its
own, after the claim is given back. Raises Unavailable.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.deployer.domain.advancing import (
    AGAIN,
    Abort,
    Close,
    Expire,
    Pause,
    Release,
    Start,
    Wait,
    decided,
    released,
)
from services.deployer.domain.deliveries import HeldBack, Released
from services.deployer.domain.deployments import Deployment, counted, finished, gone_to
from services.deployer.domain.ports import Store, Transaction
from services.deployer.use_cases.bind_accounts import bind_accounts
from services.deployer.use_cases.write_moves import Moves, changed_deployment
from shared.clock import Clock
from shared.contracts.deployments import DeploymentState

log = structlog.get_logger(__name__)

# Deployments under way at once are few; one look takes a few milliseconds.
LOOKS = 20
# One transaction lets so many deliveries go: as many as are sent in one.
BATCH = 500

Later = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Acts:
    """What is done after the look, each in a transaction of its own that takes locks in the usual order."""

    start: Callable[[Deployment], Awaitable[object]]
    expire: Callable[[str, str], Awaitable[object]]
    abort: Callable[[str, str], Awaitable[object]]
    join: Callable[[Deployment], Awaitable[object]]


class AdvanceDeployments:
    """See the module's docstring. `due` is called when deliveries have become due."""

    def __init__(self, store: Store, acts: Acts, due: Callable[[], None], clock: Clock) -> None:
        self._store = store
        self._acts = acts
        self._due = due
        self._clock = clock

    async def __call__(self) -> bool:
        """Look at some deployments; whether there may be more to do at once."""
        now = self._clock.now()
        later: list[Later] = []
        async with self._store.begin() as transaction:
            looked = [
                await self._advanced(transaction, deployment, now, later)
                for deployment in await transaction.deployments.claim_looks(now, LOOKS)
            ]
            if looked:
                await transaction.deployments.save(looked)
        for act in later:
            await act()
        again = any(one.next_look_at is not None and one.next_look_at <= now for one in looked)
        return again or len(looked) == LOOKS

    async def _advanced(
        self, transaction: Transaction, deployment: Deployment, now: datetime, later: list[Later]
    ) -> Deployment:
        """The deployment after its look, with the time of the next one; `later` gets what cannot be done here."""
        if deployment.progress.recruit and deployment.state is DeploymentState.RUNNING:
            later.append(lambda: self._acts.join(deployment))
        decision = decided(deployment, now)
        match decision:
            case Wait(until):
                return await self._ended(transaction, replace(deployment, next_look_at=until), now)
            case Start():
                later.append(lambda: self._acts.start(deployment))
            case Abort(reason):
                later.append(lambda: self._acts.abort(deployment.id, reason))
            case Expire(reason):
                later.append(lambda: self._acts.expire(deployment.id, reason))
            case Pause(reason):
                return await paused(transaction, deployment, reason, now)
            case Close():
                return await self._ended(transaction, replace(deployment, open_ended=False, next_look_at=now), now)
            case Release():
                return await self._released(transaction, deployment, decision, now)
        # Done at once; and again in a moment, should this process die before.
        return replace(deployment, next_look_at=now + AGAIN)

    async def _released(
        self, transaction: Transaction, deployment: Deployment, decision: Release, now: datetime
    ) -> Deployment:
        most = min(decision.most, BATCH)
        found = await transaction.deliveries.claim_held(deployment.id, decision.group, decision.zones, most)
        moves = Moves(found, now)
        changes = [(delivery, moves.apply(delivery.id, Released())) for delivery in found]
        if found:
            await transaction.deliveries.save(moves.all())
            node_ids = sorted(delivery.node_id for delivery in found)
            await bind_accounts(transaction, deployment.effect, node_ids)
            log.info("group_released", deployment=deployment.id, group=decision.group, nodes=len(found))
            self._due()
        look_at = now if len(found) == most else now + AGAIN
        return replace(released(counted(deployment, changes, now), len(found), now), next_look_at=look_at)

    async def _ended(self, transaction: Transaction, deployment: Deployment, now: datetime) -> Deployment:
        """Its end, if nothing of it is left to wait for."""
        after = finished(deployment, now)
        return await self._told(transaction, after, now) if after.state.final else after

    async def _told(self, transaction: Transaction, deployment: Deployment, now: datetime) -> Deployment:
        await transaction.announce([changed_deployment(deployment, now)])
        return deployment


async def paused(transaction: Transaction, deployment: Deployment, reason: str, now: datetime) -> Deployment:
    """A running deployment, paused: what was not sent yet is held back again. The caller saves it."""
    unsent = await transaction.deliveries.claim_unsent(deployment.id)
    moves = Moves(unsent, now)
    changes = [(delivery, moves.apply(delivery.id, HeldBack())) for delivery in unsent]
    if unsent:
        await transaction.deliveries.save(moves.all())
    stopped_sending = gone_to(counted(deployment, changes, now), DeploymentState.PAUSED, reason=reason)
    log.warning("deployment_paused", deployment=deployment.id, reason=reason)
    await transaction.announce([changed_deployment(stopped_sending, now)])
    return replace(stopped_sending, next_look_at=deployment.deadline_at)
