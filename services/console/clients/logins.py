"""`/api/v1/group-ai/sessions/login`: signing in at Telegram on a node. What is secret goes in, and never comes out."""

from collections.abc import Mapping
from datetime import datetime

from services.console.clients.api import Api, View, below

PATH = "/api/v1/group-ai/sessions/login"


class Login(View):
    """How far a sign-in is. `hint` says where the code went, or is the password's hint."""

    login_id: str
    account_id: str
    node_id: str
    kind: str
    state: str
    reason: str | None
    hint: str | None
    version: int | None
    created_at: datetime
    expires_at: datetime


class Logins:
    """The API of sign-ins."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def begin(self, body: Mapping[str, object]) -> Login:
        """Let a node begin."""
        return await self._api.post(PATH, Login, body)

    async def one(self, login_id: str) -> Login:
        """How far it is."""
        return await self._api.get(below(PATH, login_id), Login)

    async def answer(self, login_id: str, answer: str) -> Login:
        """Give it the code, or the password."""
        return await self._api.post(below(PATH, login_id), Login, {"answer": answer})
