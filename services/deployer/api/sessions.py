"""`/api/v1/group-ai/sessions`: the vault. No answer but a download holds a login, and that one is for admins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from services.deployer.api.session_body import (
    HELD,
    REFUSALS,
    REQUEST_BODY,
    UNKNOWN,
    UNKNOWN_VERSION,
    UNREADABLE,
    FileName,
    UseBody,
    read_upload,
)
from services.deployer.domain.keeping import NotOpened
from services.deployer.domain.sessions import SessionVersion, SessionView
from services.deployer.domain.telegram_logins import RefusedSession
from services.deployer.use_cases.browse_sessions import BrowseSessions, Downloaded
from services.deployer.use_cases.keep_version import Kept, KeyTaken
from services.deployer.use_cases.rotate_keys import RotateKeys, Rotation
from services.deployer.use_cases.store_sessions import NoSuchSession, NoSuchVersion, StillHeld, StoreSessions, Taken
from shared.contracts.identifiers import AccountId
from shared.contracts.sessions import SessionOrigin
from shared.http import Problem
from shared.http.paging import Cursor, Limit, NextCursor, cursor_of, place_of
from shared.http.responses import AWAY, joined
from shared.http.roles import Role, requires

PREFIX = "/api/v1/group-ai/sessions"
Id = Annotated[AccountId, Path(description="the account's id", examples=["ana"])]
_PLACE = TypeAdapter(tuple[AccountId])
_NUMBER = TypeAdapter(tuple[int])
_MOST_VERSION = 2**31 - 1


class VersionOfSession(BaseModel):
    """A version of a login; `hash` and `size` are of its stored form. `by` uploaded it, `node_id` handed it back."""

    version: int
    current: bool
    hash: str
    size: int = Field(description="bytes of the stored form")
    origin: SessionOrigin
    form: str | None = Field(description="what it was uploaded as")
    by: str | None
    node_id: str | None
    epoch: int | None
    final: bool = Field(description="the node's last state in that epoch")
    user_id: int | None = Field(description="the Telegram user, if its form says so")
    stored_at: datetime


class HeldBy(BaseModel):
    """Who has the account, as the registry told; `held` is false once it was given back."""

    node_id: str
    epoch: int
    held: bool


class SessionItem(BaseModel):
    """An account's login: its current version, how many there are, and when a node last handed its state back."""

    account_id: str
    current: VersionOfSession
    versions: int
    synced_at: datetime | None
    held_by: HeldBy | None
    created_at: datetime
    updated_at: datetime


class SessionPage(BaseModel):
    """A page of sessions, by account id."""

    items: list[SessionItem]
    next_cursor: NextCursor


class SessionVersions(BaseModel):
    """A page of a session's versions, the newest first."""

    account_id: str
    items: list[VersionOfSession]
    next_cursor: NextCursor


class UploadItem(BaseModel):
    """What became of one login: a version that is current now, or the reason why it was not taken."""

    name: str
    account_id: str | None
    version: int | None = None
    hash: str | None = None
    form: str | None = None
    added: bool = Field(default=False, description="false: this content was a version already")
    refused: str | None = None


class UploadResult(BaseModel):
    """What became of an upload, each login for itself."""

    stored: int
    refused: int
    items: list[UploadItem]


class Forgotten(BaseModel):
    """A session that is in the vault no more."""

    account_id: str


class RotationResult(BaseModel):
    """How far a rotation of the master keys is; with `left` 0 every key but the active one may go."""

    active: str = Field(description="the id of the key that seals now")
    resealed: int = Field(description="secrets that this request sealed anew")
    unreadable: int = Field(description="secrets whose key is missing")
    left: int = Field(description="secrets under other keys than the active one")
    under: dict[str, int] = Field(description="secrets by the id of the key that they are sealed under")


def sessions_router(store: StoreSessions, browse: BrowseSessions, rotate: RotateKeys) -> APIRouter:
    """The router of the vault."""
    router = APIRouter(prefix=PREFIX, tags=["sessions"], responses=AWAY)

    @router.post(
        "",
        status_code=201,
        summary="Upload sessions",
        openapi_extra=REQUEST_BODY,
        responses=joined({200: {"model": UploadResult, "description": "everything was there already"}}, REFUSALS),
    )
    async def upload_session(
        request: Request,
        response: Response,
        account_id: Annotated[
            AccountId | None, Query(description="whose login it is; by default the file's name says so")
        ] = None,
        file_name: Annotated[FileName | None, Query(description="of a file that comes as bare bytes")] = None,
    ) -> UploadResult:
        """Store a login as the account's newest and current version: 201; 200 if all of it is there already.

        Telethon files and strings, Pyrogram files and strings, and a zip of many or of Telegram Desktop's folder
        `tdata` are told apart by their content and checked without connecting. In a zip each file has a result of its
        own, and its name is its account's id. Only if nothing of it is taken is the answer a refusal.
        """
        taken = await store.upload(await read_upload(request, account_id, file_name))
        result = _result(taken)
        if result.stored == 0:
            raise _refusal(taken)
        response.status_code = 201 if any(item.added for item in result.items) else 200
        return result

    @router.get("", summary="List sessions")
    async def list_sessions(limit: Limit = 100, cursor: Cursor = None) -> SessionPage:
        """Sessions by account id, each with its current version. No answer of this list has a login in it."""
        place = place_of(cursor, _PLACE)
        found = await browse.page(place[0] if place else None, limit + 1)
        items = [_item(one) for one in found[:limit]]
        return SessionPage(items=items, next_cursor=cursor_of(items[-1].account_id) if len(found) > limit else None)

    @router.post(
        "/rotate-key",
        summary="Rotate the vault's master key",
        dependencies=[Depends(requires(Role.ADMIN))],
    )
    async def rotate_vault_key() -> RotationResult:
        """Seal what is under other master keys anew under the active one, some thousands at a time.

        Put the new key in front of the others first (`CALLBOARD_VAULT_KEY_FILE` is read again by itself). Ask until
        `left` is 0; then the others may go. Uploads and deliveries go on meanwhile.
        """
        return _rotation(await rotate())

    @router.get("/{account_id}", summary="Read a session", responses=UNKNOWN)
    async def read_session(account_id: Id) -> SessionItem:
        """An account's login without the login: its current version, who has it, when its state last came back."""
        found = await browse.one(account_id)
        if found is None:
            raise no_such_session(account_id)
        return _item(found)

    @router.get("/{account_id}/versions", summary="List a session's versions", responses=UNKNOWN)
    async def list_session_versions(account_id: Id, limit: Limit = 100, cursor: Cursor = None) -> SessionVersions:
        """Every version with its origin, the newest first. Of nodes' states only the newest are kept."""
        place = place_of(cursor, _NUMBER)
        view = await browse.one(account_id)
        found = await browse.versions(account_id, place[0] if place else None, limit + 1)
        if view is None or isinstance(found, NoSuchSession):
            raise no_such_session(account_id)
        items = [_version(one, view.session.current_version) for one in found[:limit]]
        more = cursor_of(str(items[-1].version)) if len(found) > limit else None
        return SessionVersions(account_id=account_id, items=items, next_cursor=more)

    @router.get(
        "/{account_id}/download",
        summary="Download a session",
        dependencies=[Depends(requires(Role.ADMIN))],
        response_class=Response,
        responses=joined(
            {
                200: {
                    "content": {"application/vnd.sqlite3": {"schema": {"type": "string", "format": "binary"}}},
                    "description": "the bytes of a Telethon session file",
                }
            },
            UNKNOWN,
            UNKNOWN_VERSION,
            UNREADABLE,
        ),
    )
    async def download_session(
        account_id: Id,
        version: Annotated[int | None, Query(ge=1, le=_MOST_VERSION, description="by default the current one")] = None,
    ) -> Response:
        """A login in the clear, as a Telethon session file: for admins, and in the audit log each time.

        Whoever has it is signed in as the account. Used beside a node that runs it, Telegram destroys it.
        """
        outcome = await browse.download(account_id, version)
        match outcome:
            case Downloaded(found, content):
                headers = {
                    "content-disposition": f'attachment; filename="{account_id}.session"',
                    "cache-control": "no-store",
                    "etag": f'"{found.hash}"',
                }
                return Response(content, media_type="application/vnd.sqlite3", headers=headers)
            case NoSuchSession():
                raise no_such_session(account_id)
            case NoSuchVersion():
                raise no_such_version(account_id, version)
            case NotOpened():
                raise Problem(424, "vault-key-missing", str(outcome))

    @router.post("/{account_id}/use", summary="Make a version current", responses=joined(UNKNOWN, UNKNOWN_VERSION))
    async def use_session_version(account_id: Id, body: UseBody) -> VersionOfSession:
        """Go by this version from now on. A node that runs the account is given it, and starts again with it."""
        outcome = await store.choose(account_id, body.version)
        match outcome:
            case SessionVersion():
                return _version(outcome, outcome.version)
            case NoSuchSession():
                raise no_such_session(account_id)
            case NoSuchVersion():
                raise no_such_version(account_id, body.version)

    @router.delete(
        "/{account_id}",
        summary="Remove a session",
        dependencies=[Depends(requires(Role.ADMIN))],
        responses=joined(UNKNOWN, HELD),
    )
    async def remove_session(account_id: Id) -> Forgotten:
        """Forget an account's login with all its versions. It goes on to exist at Telegram until it is ended there."""
        outcome = await store.remove(account_id)
        match outcome:
            case NoSuchSession():
                raise no_such_session(account_id)
            case StillHeld(node_id):
                detail = f"node {node_id!r} has account {account_id!r}: take it away from there first"
                raise Problem(409, "account-is-assigned", detail)
            case _:
                return Forgotten(account_id=account_id)

    return router


def no_such_session(account_id: str) -> Problem:
    """The answer for an account whose login nobody has brought."""
    return Problem(404, "no-such-session", f"the vault has no login of account {account_id!r}: upload it, or sign in")


def no_such_version(account_id: str, version: int | None) -> Problem:
    """The answer for a version that a session does not have."""
    detail = f"the session of {account_id!r} has no version {version}: GET {PREFIX}/{account_id}/versions lists them"
    return Problem(404, "no-such-version", detail)


def _result(taken: Sequence[Taken]) -> UploadResult:
    items = [_uploaded(one) for one in taken]
    stored = sum(item.refused is None for item in items)
    return UploadResult(stored=stored, refused=len(items) - stored, items=items)


def _uploaded(taken: Taken) -> UploadItem:
    match taken.outcome:
        case Kept(version, added, _):
            return UploadItem(
                name=taken.name,
                account_id=taken.account_id,
                version=version.version,
                hash=version.hash,
                form=version.form,
                added=added,
            )
        case KeyTaken() | RefusedSession():
            return UploadItem(name=taken.name, account_id=taken.account_id, refused=_reason(taken.outcome))


def _reason(outcome: KeyTaken | RefusedSession) -> str:
    if isinstance(outcome, RefusedSession):
        return outcome.reason
    return (
        f"the vault has this login as account {outcome.account_id!r}: under two names it would be live twice, and "
        "Telegram would destroy it; use that account, or sign in once more for this one"
    )


def _refusal(taken: Sequence[Taken]) -> Problem:
    errors = [{"field": one.name, "message": _uploaded(one).refused or ""} for one in taken]
    detail = f"{errors[0]['message']}; nothing was stored"
    if len(errors) > 1:
        detail = f"none of {len(errors)} files was taken, the first one because {detail}"
    if len(taken) == 1 and isinstance(taken[0].outcome, KeyTaken):
        return Problem(409, "login-of-another-account", detail)
    return Problem(422, "session-refused", detail, errors=errors)


def _item(view: SessionView) -> SessionItem:
    session, holder = view.session, view.holder
    return SessionItem(
        account_id=session.account_id,
        current=_version(view.current, session.current_version),
        versions=view.versions,
        synced_at=session.synced_at,
        held_by=None if holder is None else HeldBy(node_id=holder.node_id, epoch=holder.epoch, held=holder.held),
        created_at=session.created_at,
        updated_at=session.updated_at,
    )


def _version(version: SessionVersion, current: int) -> VersionOfSession:
    return VersionOfSession(
        version=version.version,
        current=version.version == current,
        hash=version.hash,
        size=version.size,
        origin=version.origin,
        form=version.form,
        by=version.by,
        node_id=version.node_id,
        epoch=version.place.epoch if version.place else None,
        final=version.final,
        user_id=version.user_id,
        stored_at=version.stored_at,
    )


def _rotation(rotation: Rotation) -> RotationResult:
    return RotationResult(
        active=rotation.active,
        resealed=rotation.resealed,
        unreadable=rotation.unreadable,
        left=rotation.left,
        under=dict(rotation.under),
    )
