"""`/api/v1/group-ai/script-artifacts`: content for nodes. The URL's signed token is the authorisation, nothing else."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.deployer.downloads import PATH, SignedDownloads
from services.deployer.use_cases.browse import BrowseScripts
from shared.contracts.identifiers import ContentHash
from shared.http import Problem
from shared.http.responses import AWAY, problems


def downloads_router(downloads: SignedDownloads, browse: BrowseScripts) -> APIRouter:
    """The router of downloads; it belongs outside the operator's sign-in."""
    router = APIRouter(prefix=PATH, tags=["downloads"], responses=AWAY)

    @router.get(
        "/{content_hash}",
        summary="Fetch an artifact with a signed link",
        response_class=Response,
        responses={
            200: {"content": {"application/yaml": {"schema": {"type": "string"}}}, "description": "the exact bytes"},
            **problems(
                (403, "link-refused", "the token has expired, was changed, or is for another artifact"),
                (404, "no-such-artifact", "no script version has this hash"),
            ),
        },
    )
    async def fetch_artifact(
        content_hash: Annotated[ContentHash, Path(description="of the order, as it stands in its link")],
        token: Annotated[str, Query(min_length=1, max_length=500, description="of the order's link, good for an hour")],
    ) -> Response:
        """The exact bytes whose SHA-256 is in the path. The whole link comes with an order; it needs no other token."""
        refused = downloads.refusal(content_hash, token)
        if refused is not None:
            raise Problem(403, "link-refused", refused)
        found = await browse.by_hash(content_hash)
        if found is None:
            raise Problem(404, "no-such-artifact", f"there is no artifact {content_hash}")
        headers = {"etag": f'"{content_hash}"', "cache-control": "private, immutable"}
        return Response(found.body.encode(), media_type="application/yaml", headers=headers)

    return router
