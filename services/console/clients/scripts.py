"""`/api/v1/group-ai/scripts`: scripts and their immutable versions."""

from datetime import datetime

from services.console.clients.api import Api, Paged, View, below

PATH = "/api/v1/group-ai/scripts"


class ScriptItem(View):
    """A script with its latest version."""

    script_id: str
    title: str
    latest_version: int
    hash: str
    created_at: datetime
    updated_at: datetime


class Version(View):
    """A version of a script."""

    script_id: str
    version: int
    hash: str
    title: str
    size: int
    created_at: datetime


class VersionWithSource(Version):
    """A version with its text."""

    source: str


class Script(View):
    """A script with all its versions, the newest first."""

    script_id: str
    latest_version: int
    versions: list[Version]


class Difference(View):
    """What changed from one version to another."""

    from_version: int
    to_version: int
    added: int
    removed: int
    unified: str


class Scripts:
    """The Scripts API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, cursor: str | None, limit: int) -> Paged[ScriptItem]:
        """Scripts by id."""
        return await self._api.get(PATH, Paged[ScriptItem], {"cursor": cursor, "limit": limit})

    async def one(self, script_id: str) -> Script:
        """A script with its versions."""
        return await self._api.get(_path(script_id), Script)

    async def version(self, script_id: str, version: int) -> VersionWithSource:
        """A version with its text."""
        return await self._api.get(f"{_path(script_id)}/versions/{version}", VersionWithSource)

    async def difference(self, script_id: str, version: int, since: int | None = None) -> Difference:
        """What changed since the version before, or since another one."""
        path = f"{_path(script_id)}/versions/{version}/difference"
        return await self._api.get(path, Difference, {"since": since})

    async def push(self, source: str) -> Version:
        """Store a text as the next version, if it is not one already."""
        return await self._api.upload(PATH, Version, source.encode(), "application/yaml")


def _path(script_id: str) -> str:
    return below(PATH, script_id)
