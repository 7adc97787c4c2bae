"""`/api/v1/audit/{service}`: who did what, one chain for each service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.console.clients.api import Api, Paged, View, below

PATH = "/api/v1/audit"
SERVICES = ("registry", "deployer")


class AuditRow(View):
    """A row of a chain."""

    service: str
    number: int
    at: datetime
    phase: str
    request_id: str
    actor: str
    role: str | None
    method: str
    path: str
    fields: dict[str, Any]
    status: int | None
    problem: str | None
    address: str | None


class Audit:
    """The API of the audit log."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(
        self, service: str, question: Mapping[str, object], cursor: str | None, limit: int
    ) -> Paged[AuditRow]:
        """Rows of a service's chain."""
        asked = {**question, "cursor": cursor, "limit": limit}
        return await self._api.get(below(PATH, service), Paged[AuditRow], asked)
