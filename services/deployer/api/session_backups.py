"""`/api/v1/group-ai/sessions/backup` and `/restore`: the vault's logins in one locked archive, and back. For admins."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.deployer.api.sessions import PREFIX
from services.deployer.domain.backups import BadArchive, Lock, Unlock
from services.deployer.domain.keeping import NotOpened
from services.deployer.use_cases.back_up_sessions import BackUpSessions, Restored, RestoreSessions, Wanted
from shared.contracts.identifiers import AccountId
from shared.http import Problem
from shared.http.fields import Body, EachOnce
from shared.http.problems import invalid
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import Role, actor_of, requires

FILE_NAME = "callboard-sessions.age"
AGE_TYPE = "application/octet-stream"
# An archive is kept on the deployer's disk while it is read; it is locked there as it is everywhere.
LARGEST_ARCHIVE = 1024 * 1024 * 1024
_ADMIN = [Depends(requires(Role.ADMIN))]


class BackupBody(Body):
    """What is backed up, and for whom it is locked: exactly one of `recipients` and `passphrase`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"recipients": ["age1…"]}]})

    recipients: Annotated[list[str], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="age public keys (age1…): each of them opens the archive"
    )
    passphrase: Annotated[SecretStr, Field(min_length=12, max_length=1000)] | None = Field(
        default=None, description="a long one; for a vault of some thousand logins"
    )
    account_ids: Annotated[list[AccountId], Field(min_length=1, max_length=10_000), EachOnce] | None = Field(
        default=None, description="null: every account"
    )
    current_only: bool = Field(default=False, description="of each account the current version alone")

    def wanted(self) -> Wanted:
        """What is meant. Raises Problem."""
        if (self.recipients is None) == (self.passphrase is None):
            raise invalid([{"field": "body", "message": "give exactly one of recipients and passphrase"}])
        passphrase = None if self.passphrase is None else self.passphrase.get_secret_value()
        accounts = None if self.account_ids is None else tuple(self.account_ids)
        return Wanted(accounts, self.current_only, Lock(tuple(self.recipients or ()), passphrase))


class RestoredItem(BaseModel):
    """What was done with one account: versions that are new, versions that were there, and which is current now."""

    account_id: str
    added: int
    there: int
    current: int


class RestoreResult(BaseModel):
    """What a restore did, or with `check_only` would do."""

    checked_only: bool
    added: int
    there: int
    items: list[RestoredItem]


_FILE = {"type": "string", "format": "binary"}
_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {**_FILE, "description": "the archive"},
                        "identity": {"type": "string", "description": "the age identity that opens it"},
                        "passphrase": {"type": "string", "description": "or the passphrase"},
                    },
                }
            }
        },
    }
}
_REFUSED = problems((422, "archive-refused", "the archive cannot be restored; nothing was written"))
_MISSING = problems((404, "no-such-session", "the vault has no login of one of these accounts"))


def session_backups_router(back_up: BackUpSessions, restore: RestoreSessions) -> APIRouter:
    """The router of backups."""
    router = APIRouter(prefix=PREFIX, tags=["sessions"], responses=AWAY)

    @router.post(
        "/backup",
        summary="Back sessions up",
        dependencies=_ADMIN,
        response_class=StreamingResponse,
        responses=joined(
            {200: {"content": {AGE_TYPE: {"schema": _FILE}}, "description": "an age file with a gzipped tar in it"}},
            _MISSING,
        ),
    )
    async def back_sessions_up(body: BackupBody) -> StreamingResponse:
        """All logins or some, in one archive that only the given keys or passphrase open, with a manifest.

        It streams. An archive that ends early has no manifest and is refused by a restore.
        """
        wanted = body.wanted()
        problem = back_up.problem_of(wanted.lock)
        if problem is not None:
            raise invalid([{"field": "body.recipients", "message": problem}])
        missing = await back_up.missing(wanted.account_ids or ())
        if missing:
            raise Problem(404, "no-such-session", f"the vault has no login of {', '.join(map(repr, missing[:5]))}")
        headers = {"content-disposition": f'attachment; filename="{FILE_NAME}"', "cache-control": "no-store"}
        pieces = await _begun(back_up.written(wanted))
        return StreamingResponse(pieces, media_type=AGE_TYPE, headers=headers)

    @router.post(
        "/restore",
        summary="Restore sessions",
        dependencies=_ADMIN,
        openapi_extra=_REQUEST,
        responses=_REFUSED,
    )
    async def restore_sessions(
        request: Request,
        check_only: Annotated[bool, Query(description="say what would be done, and write nothing")] = False,
    ) -> RestoreResult:
        """Check an archive wholly, then bring back what is missing; what is there stays as it is.

        An account that was not there gets the version that was current in the archive. A repeated restore adds nothing.
        """
        async with _Form(request) as (file, unlock):
            try:
                done = await restore(file.file, unlock, actor_of(request).name, check_only=check_only)
            except (BadArchive, NotOpened) as error:
                raise Problem(422, "archive-refused", f"{error}; nothing was written") from None
        return _result(done, check_only)

    return router


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, with the first one made: what goes wrong at once is a refusal and not a broken answer."""
    try:
        first = await anext(pieces, b"")
    except (BadArchive, NotOpened) as error:
        raise Problem(424, "backup-failed", str(error)) from None

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return all_of_it()


class _Form:
    """A restore's form; the archive goes to a file of its own, locked as it is."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def __aenter__(self) -> tuple[UploadFile, Unlock]:
        kind = self._request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise Problem(415, "unsupported-media-type", "send the archive as multipart/form-data, in the part file")
        parser = MultiPartParser(self._request.headers, self._request.stream(), max_files=1, max_fields=2)
        try:
            self._form = await parser.parse()
        except (MultiPartException, MultipartParseError, KeyError):
            message = "is no form with one file: send the parts file, and identity or passphrase"
            raise invalid([{"field": "body", "message": message}]) from None
        file, identity, passphrase = (self._form.get(name) for name in ("file", "identity", "passphrase"))
        unlock = Unlock(
            identity if isinstance(identity, str) and identity else None,
            passphrase if isinstance(passphrase, str) and passphrase else None,
        )
        if not isinstance(file, UploadFile) or (unlock.identity is None) == (unlock.passphrase is None):
            await self._form.close()
            message = "needs the part file, and exactly one of identity and passphrase"
            raise invalid([{"field": "body", "message": message}])
        return file, unlock

    async def __aexit__(self, *_: object) -> None:
        await self._form.close()


def _result(done: list[Restored], checked_only: bool) -> RestoreResult:
    items = [
        RestoredItem(account_id=one.account_id, added=one.added, there=one.there, current=one.current) for one in done
    ]
    added, there = sum(one.added for one in items), sum(one.there for one in items)
    return RestoreResult(checked_only=checked_only, added=added, there=there, items=items)
