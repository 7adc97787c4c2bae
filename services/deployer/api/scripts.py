"""`/api/v1/group-ai/scripts`: push a version, and read what there is."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, TypeAdapter

from services.deployer.api.script_source import REFUSALS, REQUEST_BODY, read_source, refusal
from services.deployer.domain.scripts import StoredScript, VersionInfo
from services.deployer.use_cases.browse import BrowseScripts
from services.deployer.use_cases.store_script import StoreScript
from shared.contracts.identifiers import ScriptId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, NextCursor, cursor_of, place_of
from shared.http.responses import AWAY, joined, problems
from shared.scripts.difference import Difference

# PostgreSQL keeps the number in an int4.
MOST_VERSION = 2**31 - 1

Id = Annotated[ScriptId, Path(description="the script's id", examples=["greeter"])]
Version = Annotated[int, Path(ge=1, le=MOST_VERSION, description="the version's number", examples=[2])]

NO_SCRIPT = problems((404, "no-such-script", "nobody has pushed a script of this id"))
NO_VERSION = problems((404, "no-such-version", "there is no such script, or it has no version of this number"))
_PLACE = TypeAdapter(tuple[ScriptId])


class VersionView(BaseModel):
    """A version of a script. `size` is in bytes."""

    script_id: str
    version: int
    hash: str
    title: str
    size: int
    created_at: datetime


class VersionWithSource(VersionView):
    """A version with its text."""

    source: str


class VersionDifference(BaseModel):
    """What changed from one version to another: a unified difference, and how many lines came and went."""

    script_id: str
    from_version: int
    to_version: int
    added: int
    removed: int
    unified: str


class ScriptView(BaseModel):
    """A script with its versions, the newest first."""

    script_id: str
    latest_version: int
    versions: list[VersionView]


class ScriptListItem(BaseModel):
    """A script with its latest version."""

    script_id: str
    title: str
    latest_version: int
    hash: str
    created_at: datetime
    updated_at: datetime


class ScriptPage(BaseModel):
    """A page of scripts, by id."""

    items: list[ScriptListItem]
    next_cursor: NextCursor


def scripts_router(store: StoreScript, browse: BrowseScripts) -> APIRouter:
    """The router of scripts."""
    router = APIRouter(prefix="/api/v1/group-ai/scripts", tags=["scripts"], responses=AWAY)

    @router.post(
        "",
        status_code=201,
        summary="Push a script",
        openapi_extra=REQUEST_BODY,
        responses=joined({200: {"model": VersionView, "description": "this content is a version already"}}, REFUSALS),
    )
    async def push_script(request: Request, response: Response) -> VersionView:
        """Check a script, run its own tests, and store it as the next version: 201; 200 if it is stored already."""
        stored = await store(await read_source(request))
        if not isinstance(stored, StoredScript):
            raise refusal(stored)
        response.status_code = 201 if stored.added else 200
        return _view(stored.version.info)

    @router.get("", summary="List scripts")
    async def list_scripts(limit: Limit = 100, cursor: Cursor = None) -> ScriptPage:
        """Scripts by id, each with its latest version."""
        place = place_of(cursor, _PLACE)
        found = await browse.page(place[0] if place else None, limit + 1)
        items = [
            ScriptListItem(
                script_id=one.latest.artifact.id,
                title=one.latest.title,
                latest_version=one.latest.artifact.version,
                hash=one.latest.artifact.hash,
                created_at=one.created_at,
                updated_at=one.latest.created_at,
            )
            for one in found[:limit]
        ]
        return ScriptPage(items=items, next_cursor=cursor_of(items[-1].script_id) if len(found) > limit else None)

    @router.get("/{script_id}", summary="Read a script", responses=NO_SCRIPT)
    async def read_script(script_id: Id) -> ScriptView:
        """A script with all its versions, the newest first."""
        versions = [_view(info) for info in await browse.versions(script_id)]
        if not versions:
            raise no_such_script(script_id)
        return ScriptView(script_id=script_id, latest_version=versions[0].version, versions=versions)

    @router.get(
        "/{script_id}/versions/{version}",
        summary="Read a version of a script",
        responses=NO_VERSION,
    )
    async def read_script_version(script_id: Id, version: Version) -> VersionWithSource:
        """A version, with the text as it was pushed."""
        found = await browse.version(script_id, version)
        if found is None:
            raise no_such_version(script_id, version)
        return VersionWithSource(**_view(found.info).model_dump(), source=found.body)

    @router.get(
        "/{script_id}/versions/{version}/difference",
        summary="Compare two versions of a script",
        responses=NO_VERSION,
    )
    async def compare_script_versions(
        script_id: Id,
        version: Version,
        since: Annotated[
            int | None,
            Query(ge=1, le=MOST_VERSION, description="compare with this version; by default the one before"),
        ] = None,
    ) -> VersionDifference:
        """What changed in a version, line by line, since the one before it or since any other."""
        base = since or max(version - 1, 1)
        changed = await browse.difference(script_id, base, version)
        if not isinstance(changed, Difference):
            raise no_such_version(script_id, changed.version)
        return VersionDifference(
            script_id=script_id,
            from_version=base,
            to_version=version,
            added=changed.added,
            removed=changed.removed,
            unified=changed.unified,
        )

    return router


def no_such_script(script_id: str) -> Problem:
    """The answer for a script that nobody has pushed."""
    return Problem(
        404, "no-such-script", f"there is no script {script_id!r}: push it to /api/v1/group-ai/scripts first"
    )


def no_such_version(script_id: str, version: int) -> Problem:
    """The answer for a version that a script does not have."""
    return Problem(404, "no-such-version", f"script {script_id!r} has no version {version}")


def _view(info: VersionInfo) -> VersionView:
    return VersionView(
        script_id=info.artifact.id,
        version=info.artifact.version,
        hash=info.artifact.hash,
        title=info.title,
        size=info.size,
        created_at=info.created_at,
    )
