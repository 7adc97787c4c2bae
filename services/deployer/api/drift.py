"""`/api/v1/group-ai/script-deployment/drift`: nodes that no longer have what was verified on them, and what to do."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.deployer.domain.desired import Desired
from services.deployer.domain.desired_rows import DriftQuestion
from services.deployer.use_cases.settle_drift import NoDrift, NotPossible, Settled, SettleDrift
from shared.contracts.artifacts import FileState
from shared.contracts.drift import DriftKind, DriftPolicy, DriftState
from shared.contracts.identifiers import NodeId, ScriptId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, NextCursor, cursor_of, place_of
from shared.http.responses import AWAY, problems

_PLACE = TypeAdapter(tuple[NodeId, ScriptId])
OnNode = Annotated[NodeId, Path(description="the node's id", examples=["node-a"])]
OfScript = Annotated[ScriptId, Path(description="the script's id", examples=["greeter"])]
REFUSALS = problems(
    (404, "no-such-drift", "the node has what it should have of this script"),
    (409, "not-possible", "it cannot be done; the detail says why, and what can"),
)


class DesiredView(BaseModel):
    """What the node should have."""

    version: int
    hash: str
    delivery_id: str
    ordered_at: datetime


class FoundView(BaseModel):
    """What the node has. `delivery_id`, `ordered_at` and `file` are null where its agent does not say."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    hash: str
    delivery_id: str | None
    ordered_at: datetime | None
    file: FileState | None
    file_hash: str | None


class DriftView(BaseModel):
    """One script on one node. `drifted` has a kind; `newer` is later than anything that is remembered here.

    `desired` is null when no order of the script was verified on the node, `found` when the node has nothing of it.
    `next_look_at` is when it is compared again even if nothing is heard, null: when the node reports.
    """

    node_id: str
    script_id: str
    state: DriftState
    kind: DriftKind | None
    reason: str | None
    since: datetime | None
    policy: DriftPolicy | None
    desired: DesiredView | None
    found: FoundView | None
    repairs: int
    last_failure: str | None
    next_look_at: datetime | None


class DriftPage(BaseModel):
    """A page of differences, by node and script."""

    items: list[DriftView]
    next_cursor: NextCursor


def drift_router(settle: SettleDrift) -> APIRouter:
    """The router of drift."""
    router = APIRouter(prefix="/api/v1/group-ai/script-deployment/drift", tags=["drift"], responses=AWAY)

    @router.get("", summary="List drift")
    async def list_drift(
        limit: Limit = 100,
        cursor: Cursor = None,
        node_id: Annotated[NodeId | None, Query(description="only on this node")] = None,
        script_id: Annotated[ScriptId | None, Query(description="only of this script")] = None,
        kind: Annotated[DriftKind | None, Query(description="only of this kind")] = None,
        state: Annotated[
            Literal["drifted", "given_up", "newer"] | None, Query(description="only in this state")
        ] = None,
    ) -> DriftPage:
        """Scripts that nodes no longer have as they were verified, and those that nobody here has ordered."""
        question = DriftQuestion(node_id, script_id, kind, None if state is None else DriftState(state))
        found = await settle.page(question, place_of(cursor, _PLACE), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return DriftPage(
            items=[_view(row) for row in found[:limit]], next_cursor=cursor_of(*last.key) if last else None
        )

    @router.post("/{node_id}/{script_id}/adopt", summary="Adopt what a node has", responses=REFUSALS)
    async def adopt_drift(node_id: OnNode, script_id: OfScript) -> DriftView:
        """Desire from now on what the node has. Its version must be stored here: push the script again if it is not."""
        return _answer(await settle.adopt(node_id, script_id), node_id, script_id)

    @router.post("/{node_id}/{script_id}/overwrite", summary="Overwrite what a node has", responses=REFUSALS)
    async def overwrite_drift(node_id: OnNode, script_id: OfScript) -> DriftView:
        """Bring the desired version back: it is ordered once more, later than whatever the node has.

        This repairs whatever the deployment's policy is.
        """
        return _answer(await settle.overwrite(node_id, script_id), node_id, script_id)

    return router


def _answer(settled: Settled, node_id: str, script_id: str) -> DriftView:
    match settled:
        case NoDrift():
            detail = f"there is no drift of script {script_id!r} on node {node_id!r}"
            raise Problem(404, "no-such-drift", detail)
        case NotPossible(reason):
            raise Problem(409, "not-possible", reason)
        case Desired():
            return _view(settled)


def _view(row: Desired) -> DriftView:
    want, found = row.want, row.found
    return DriftView(
        node_id=row.node_id,
        script_id=row.script_id,
        state=row.state,
        kind=row.kind,
        reason=row.reason,
        since=row.since,
        policy=want.policy if want else None,
        desired=DesiredView(
            version=want.artifact.version,
            hash=want.artifact.hash,
            delivery_id=want.delivery_id,
            ordered_at=want.ordered_at,
        )
        if want and not want.removes
        else None,
        found=FoundView.model_validate(found) if found else None,
        repairs=row.repairs,
        last_failure=row.heard,
        next_look_at=row.look_at,
    )
