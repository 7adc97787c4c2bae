"""`/api/v1/group-ai/script-artifacts`: content for nodes. The URL's signed token is the authorisation, nothing else."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.deployer.downloads import PATH, SignedDownloads
from services.deployer.use_cases.browse import BrowseScripts
from shared.contracts.identifiers import ContentHash
from shared.http import Problem


def downloads_router(downloads: SignedDownloads, browse: BrowseScripts) -> APIRouter:
    """The router of downloads; it belongs outside the operator's sign-in."""
    router = APIRouter(prefix=PATH, tags=["downloads"])

    @router.get(
        "/{content_hash}",
        summary="Fetch an artifact with a signed link",
        response_class=Response,
        responses={
            200: {"content": {"application/yaml": {"schema": {"type": "string"}}}, "description": "the exact bytes"},
            403: {"description": "the token does not open this artifact"},
        },
    )
    async def fetch(content_hash: ContentHash, token: Annotated[str, Query(min_length=1, max_length=500)]) -> Response:
        """The exact bytes whose SHA-256 is in the path."""
        refused = downloads.refusal(content_hash, token)
        if refused is not None:
            raise Problem(403, "link-refused", refused)
        found = await browse.by_hash(content_hash)
        if found is None:
            raise Problem(404, "no-such-artifact", f"there is no artifact {content_hash}")
        headers = {"etag": f'"{content_hash}"', "cache-control": "private, immutable"}
        return Response(found.body.encode(), media_type="application/yaml", headers=headers)

    return router
