"""`/api/v1/workers/enrolments`: machines that may join, and nodes that are cut off."""

from collections.abc import Mapping
from datetime import datetime

from services.console.clients.api import Api, View, below

PATH = "/api/v1/workers"


class Enrolment(View):
    """A one-time token with which a machine joins. It is shown once."""

    token: str
    node_id: str | None
    labels: dict[str, str]
    expires_at: datetime


class _Revoked(View):
    node_id: str


class Enrolments:
    """The API of enrolments."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def give_out(self, body: Mapping[str, object]) -> Enrolment:
        """A one-time token."""
        return await self._api.post(f"{PATH}/enrolments", Enrolment, body)

    async def revoke(self, node_id: str) -> None:
        """Cut a node off."""
        await self._api.post(below(PATH, node_id, "revoke"), _Revoked)
