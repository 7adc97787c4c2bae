"""`/api/v1/group-ai/sessions`: the vault. A login goes in here and comes out in downloads alone."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from urllib.parse import urlencode

import httpx

from services.console.clients.api import Api, Paged, Refused, View, below

PATH = "/api/v1/group-ai/sessions"


class SessionVersion(View):
    """A version of a login."""

    version: int
    current: bool
    hash: str
    size: int
    origin: str
    form: str | None
    by: str | None
    node_id: str | None
    epoch: int | None
    final: bool
    stored_at: datetime


class HeldBy(View):
    """Who has the account."""

    node_id: str
    epoch: int
    held: bool


class Session(View):
    """An account's login, without the login."""

    account_id: str
    current: SessionVersion
    versions: int
    synced_at: datetime | None
    held_by: HeldBy | None
    created_at: datetime
    updated_at: datetime


class Sync(View):
    """What was asked of an account's node, and what came of it: a version, a problem, or nothing yet."""

    node_id: str
    asked_at: datetime
    version: int | None
    problem: str | None


class Uploaded(View):
    """What became of one login of an upload."""

    name: str
    account_id: str | None
    version: int | None = None
    form: str | None = None
    added: bool = False
    refused: str | None = None


class UploadResult(View):
    """What became of an upload."""

    stored: int
    refused: int
    items: list[Uploaded]


class Restoring(View):
    """What a restore did with an account, or would do."""

    account_id: str
    added: int
    there: int
    current: int


class RestoreResult(View):
    """What a restore did, or with `checked_only` would do."""

    checked_only: bool
    added: int
    there: int
    items: list[Restoring]


class Sessions:
    """The API of the vault."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, cursor: str | None, limit: int) -> Paged[Session]:
        """Sessions by account."""
        return await self._api.get(PATH, Paged[Session], {"cursor": cursor, "limit": limit})

    async def one(self, account_id: str) -> Session:
        """An account's login."""
        return await self._api.get(_path(account_id), Session)

    async def versions(self, account_id: str, limit: int) -> list[SessionVersion]:
        """Its versions, the newest first."""
        return (await self._api.get(f"{_path(account_id)}/versions", Paged[SessionVersion], {"limit": limit})).items

    async def upload(self, file_name: str, content: bytes) -> UploadResult:
        """Store a file's logins; its name says whose they are."""
        address = f"{PATH}?{urlencode({'file_name': file_name})}"
        return await self._api.upload(address, UploadResult, content, "application/octet-stream")

    async def add_string(self, account_id: str, session: str) -> UploadResult:
        """Store a session string."""
        return await self._api.post(PATH, UploadResult, {"account_id": account_id, "session": session})

    async def use(self, account_id: str, version: int) -> SessionVersion:
        """Make a version current."""
        return await self._api.post(f"{_path(account_id)}/use", SessionVersion, {"version": version})

    async def sync(self, account_id: str) -> Sync:
        """Let the node that runs the account hand its present state back."""
        return await self._api.post(f"{_path(account_id)}/sync", Sync)

    async def sync_of(self, account_id: str) -> Sync | None:
        """What came of the newest such order; None where there was none."""
        try:
            return await self._api.get(f"{_path(account_id)}/sync", Sync)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    async def remove(self, account_id: str) -> None:
        """Forget a login with all its versions."""
        await self._api.delete(_path(account_id))

    async def download(self, account_id: str, version: int | None) -> bytes:
        """A login in the clear."""
        query = f"?version={version}" if version else ""
        return await (await self._api.file(f"{_path(account_id)}/download{query}", method="GET")).aread()

    async def back_up(self, body: Mapping[str, object]) -> httpx.Response:
        """The logins in one locked archive, still to be read; close it."""
        return await self._api.file(f"{PATH}/backup", body)

    async def restore(self, form: AsyncIterator[bytes], media_type: str, check_only: bool) -> RestoreResult:
        """Bring back what is missing of an archive. `form` has it with what opens it, and goes on as it comes in."""
        path = f"{PATH}/restore?check_only={'true' if check_only else 'false'}"
        return await self._api.upload(path, RestoreResult, form, media_type)


def _path(account_id: str) -> str:
    return below(PATH, account_id)
