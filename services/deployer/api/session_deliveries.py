"""`/api/v1/group-ai/session-deliveries`: sealed logins for nodes. The URL's signed token is the authorisation."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.deployer.session_downloads import PATH, SignedSessions
from services.deployer.use_cases.deliver_sessions import DeliverSessions
from shared.contracts.identifiers import NodeId
from shared.http import Problem
from shared.http.responses import AWAY, problems


def session_deliveries_router(links: SignedSessions, deliver: DeliverSessions) -> APIRouter:
    """The router of sealed logins; it belongs outside the operator's sign-in."""
    router = APIRouter(prefix=PATH, tags=["downloads"], responses=AWAY)

    @router.get(
        "/{node_id}",
        summary="Fetch a sealed login with a signed link",
        response_class=Response,
        responses={
            200: {
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
                "description": "the sealed bytes; only the node's own key opens them",
            },
            **problems(
                (403, "link-refused", "the token has expired, was changed, or is for another node"),
                (404, "no-such-version", "the vault does not have this version any more"),
            ),
        },
    )
    async def fetch_sealed_session(
        node_id: Annotated[NodeId, Path(description="the node that the order is for", examples=["tokyo-1"])],
        token: Annotated[str, Query(min_length=1, max_length=1000, description="of the order's link")],
    ) -> Response:
        """A login, sealed to the node's key. The whole link comes with an order; it needs no other token."""
        destination = links.destination(node_id, token)
        if isinstance(destination, str):
            raise Problem(403, "link-refused", destination)
        sealed = await deliver.sealed(destination)
        if sealed is None:
            raise Problem(404, "no-such-version", "the vault does not have this version any more; a new order comes")
        headers = {"cache-control": "no-store"}
        return Response(sealed, media_type="application/octet-stream", headers=headers)

    return router
