"""`/api/v1/tokens`: who may sign in. A token itself is in one answer only, that to its making."""

from collections.abc import Mapping
from datetime import datetime

from services.console.clients.api import Api, Paged, View, below
from shared.contracts.roles import Role

PATH = "/api/v1/tokens"


class Token(View):
    """A token without its secret."""

    id: str
    name: str
    role: Role
    node_id: str | None = None
    created_at: datetime
    created_by: str
    ends_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    opens: bool


class MadeToken(Token):
    """A token that was just made."""

    token: str


class Tokens:
    """The API of tokens."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, cursor: str | None, limit: int) -> Paged[Token]:
        """Tokens by name."""
        return await self._api.get(PATH, Paged[Token], {"cursor": cursor, "limit": limit})

    async def make(self, body: Mapping[str, object]) -> MadeToken:
        """Make one."""
        return await self._api.post(PATH, MadeToken, body)

    async def revoke(self, token_id: str) -> None:
        """Let its bearer in nowhere any more."""
        await self._api.post(below(PATH, token_id, "revoke"), Token)
