"""`/api/v1/group-ai/sessions/{account_id}/sync`: let the node that runs an account hand its present state back now."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from services.deployer.api.session_body import UNKNOWN
from services.deployer.api.sessions import PREFIX, Id, no_such_session
from services.deployer.domain.syncs import SyncOrder
from services.deployer.use_cases.sign_in import NodeAway, NodeHasNoKey
from services.deployer.use_cases.store_sessions import NoSuchSession
from services.deployer.use_cases.sync_now import NotAsked, OnNoNode, SyncNow
from shared.http import Problem
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import actor_of

_NOT_ASKED = problems(
    (409, "on-no-node", "no node runs the account"),
    (409, "node-away", "the node is offline"),
    (409, "node-has-no-key", "the node has not joined with a key of its own"),
)
_NEVER = problems((404, "never-asked", "nobody has asked for the account's present state"))


class SyncView(BaseModel):
    """What was asked of which node, and what came of it: a version of the vault's, or a problem."""

    account_id: str
    sync_id: str
    node_id: str
    epoch: int
    asked_at: datetime
    by: str | None = Field(description="who has asked")
    answered_at: datetime | None
    version: int | None = Field(description="the version that the vault has of the state")
    hash: str | None
    problem: str | None = Field(description="why there is no version: not taken, or not answered in time")


def session_syncs_router(sync: SyncNow) -> APIRouter:
    """The router of orders to hand a state back."""
    router = APIRouter(prefix=PREFIX, tags=["sessions"], responses=AWAY)

    @router.post(
        "/{account_id}/sync",
        status_code=202,
        summary="Let a session be handed back now",
        responses=joined(UNKNOWN, _NOT_ASKED),
    )
    async def sync_session(request: Request, account_id: Id) -> SyncView:
        """Ask the node that runs the account for the present state of its login. `GET` says what came of it.

        Nodes hand changed states back by themselves, every ten minutes and at the end; this does not wait for that.
        Asked again while the node is still expected to answer, it is the same order.
        """
        outcome = await sync.ask(account_id, actor_of(request).name)
        match outcome:
            case SyncOrder():
                return _view(outcome)
            case NoSuchSession():
                raise no_such_session(account_id)
            case OnNoNode():
                detail = f"no node runs account {account_id!r}: the vault has the newest state that there is"
                raise Problem(409, "on-no-node", detail)
            case NotAsked(node_id, why):
                raise _not_asked(node_id, why)

    @router.get("/{account_id}/sync", summary="Read what came of it", responses=_NEVER)
    async def read_sync(account_id: Id) -> SyncView:
        """The newest order, with the version that answers it."""
        found = await sync.one(account_id)
        if found is None:
            detail = f"nobody has asked for the present state of {account_id!r}: POST asks"
            raise Problem(404, "never-asked", detail)
        return _view(found)

    return router


def _not_asked(node_id: str, why: NodeAway | NodeHasNoKey) -> Problem:
    if isinstance(why, NodeAway):
        detail = f"node {node_id!r} is offline: it hands the state back by itself when it is there again"
        return Problem(409, "node-away", detail)
    detail = f"{node_id!r} has no keys: let it join with a token of `callboard nodes enroll`"
    return Problem(409, "node-has-no-key", detail)


def _view(order: SyncOrder) -> SyncView:
    return SyncView(
        account_id=order.account_id,
        sync_id=order.sync_id,
        node_id=order.node_id,
        epoch=order.epoch,
        asked_at=order.asked_at,
        by=order.by,
        answered_at=order.answered_at,
        version=order.version,
        hash=order.hash,
        problem=order.problem,
    )
