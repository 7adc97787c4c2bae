"""`/api/v1/tokens` and `/api/v1/whoami`: who may ask, and who asks."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.registry.domain.tokens import NameTaken, Token
from services.registry.use_cases.tokens import Tokens
from shared.contracts.identifiers import NodeId, TokenId, TokenName
from shared.http import Problem
from shared.http.fields import Body
from shared.http.paging import Cursor, Limit, Page, cursor_of, place_of
from shared.http.recording import not_recorded
from shared.http.responses import AWAY, problems
from shared.http.roles import Role, actor_of, requires

A_DAY = 86_400
# What nobody renews, nobody needs.
USUAL_SECONDS = 90 * A_DAY
MOST_SECONDS = 3650 * A_DAY

Id = Annotated[TokenId, Path(description="the token's id, from the list", examples=["tok_" + "0" * 32])]
_PLACE = TypeAdapter(tuple[Annotated[str, Field(max_length=100)], TokenId])


class TokenBody(Body):
    """Whom the token is for, and what it opens."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "ana", "role": "operator"},
                {"name": "backup", "role": "admin", "valid_seconds": None},
            ]
        },
    )

    name: TokenName = Field(description="of a person or a program: it stands in every row of the audit log")
    role: Literal[Role.VIEWER, Role.OPERATOR, Role.ADMIN] = Field(
        description="`viewer` reads; `operator` changes; `admin` manages tokens, reads the audit log and sessions"
    )
    valid_seconds: Annotated[int, Field(ge=60, le=MOST_SECONDS, strict=True)] | None = Field(
        default=USUAL_SECONDS, description="how long from now; null: until it is revoked"
    )


class TokenView(BaseModel):
    """A token. `last_used_at` is known to the minute. Nothing of the token itself is here: only its hash is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    ends_at: datetime | None = Field(description="null: it ends when it is revoked")
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    opens: bool = Field(description="whether its bearer is let in: it has neither ended nor been revoked")


class MadeToken(TokenView):
    """A new token."""

    token: str = Field(description="the token itself; it is shown now and never again")


class Asker(BaseModel):
    """Who asks. The installation's own token is `root`, which has no id and no end."""

    name: str
    role: Role
    node_id: NodeId | None = None
    token_id: TokenId | None = None
    ends_at: datetime | None = None


def tokens_router(tokens: Tokens) -> APIRouter:
    """The router of tokens, for admins."""
    router = APIRouter(
        prefix="/api/v1/tokens", tags=["tokens"], responses=AWAY, dependencies=[Depends(requires(Role.ADMIN))]
    )

    @router.post(
        "",
        status_code=201,
        summary="Add a token",
        responses=problems((409, "name-taken", "there is a token of this name, or the name is reserved")),
    )
    async def add_token(request: Request, body: TokenBody) -> MadeToken:
        """Make a token. The answer has it; it is stored nowhere and cannot be shown again."""
        made = await tokens.create(body.name, body.role, body.valid_seconds, actor_of(request).name)
        if isinstance(made, NameTaken):
            detail = (
                f"there is a token {body.name!r} ({made.id}): revoke that one first, or choose another name"
                if made.id
                else f"{body.name!r} cannot be had: choose another name"
            )
            raise Problem(409, "name-taken", detail)
        return MadeToken(token=made.secret, **_view(made.token).model_dump())

    @router.get("", summary="List tokens", dependencies=[Depends(not_recorded)])
    async def list_tokens(
        dead: Annotated[bool, Query(description="also those that have ended or were revoked")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TokenView]:
        """Tokens of people and programs, by name; on request those that open nothing any more, too."""
        rows = await tokens.page(dead, place_of(cursor, _PLACE) or ("", ""), limit + 1)
        more = cursor_of(rows[limit - 1].name, rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[_view(row) for row in rows[:limit]], next_cursor=more)

    @router.post(
        "/{token_id}/revoke",
        summary="Revoke a token",
        responses=problems((404, "no-such-token", "no token has this id")),
    )
    async def revoke_token(request: Request, token_id: Id) -> TokenView:
        """Let its bearer in nowhere any more, within a few seconds; what is open then is cut. It stays in the list."""
        revoked = await tokens.revoke(token_id, actor_of(request).name)
        if revoked is None:
            raise Problem(404, "no-such-token", f"there is no token {token_id}; GET /api/v1/tokens lists all")
        return _view(revoked)

    return router


def whoami_router(tokens: Tokens) -> APIRouter:
    """The router that tells who asks, for everybody who has a token."""
    router = APIRouter(prefix="/api/v1/whoami", tags=["tokens"], responses=AWAY)

    @router.get("", summary="Tell who asks")
    async def tell_asker(request: Request) -> Asker:
        """The name and the role of the token that this was asked with, and when it ends."""
        actor = actor_of(request)
        token = await tokens.living(actor.name)
        return Asker(
            name=actor.name,
            role=actor.role,
            node_id=actor.node_id,
            token_id=token.id if token else None,
            ends_at=token.ends_at if token else None,
        )

    return router


def _view(token: Token) -> TokenView:
    return TokenView.model_validate(token)
