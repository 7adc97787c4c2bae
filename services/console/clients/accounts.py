"""`/api/v1/group-ai/accounts`: every account of every node."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from services.console.clients.api import Api, Paged, View, below
from shared.contracts.accounts import AccountStatus

PATH = "/api/v1/group-ai/accounts"
# The largest page that the API gives, for exports.
LARGEST_PAGE = 1000


class Account(View):
    """One account of one node."""

    account_id: str
    node_id: str
    source: str
    status: AccountStatus
    status_reason: str | None
    status_since: datetime | None = None
    script_id: str | None
    script_version: int | None
    script_hash: str | None
    message_count: int
    reply_count: int
    uncertain_count: int = 0
    last_activity: datetime | None
    session_file: str | None
    epoch: int | None = None
    session_version: int | None = None
    assignment: str | None = None
    assigned_to: str | None = None
    target: str | None = None
    stranded: bool = False
    updated_at: datetime


class Change(View):
    """One entry of an account's history."""

    node_id: str
    number: int
    previous_status: AccountStatus | None
    status: AccountStatus
    reason: str | None
    at: datetime
    recorded_at: datetime


class Cause(View):
    """How many accounts are in one state for one reason."""

    status: AccountStatus
    reason: str | None
    accounts: int


class Count(View):
    """What an account heard and sent in an hour."""

    hour: datetime
    messages: int
    replies: int


class Summary(View):
    """The fleet in numbers."""

    nodes: dict[str, int]
    accounts: dict[str, int]
    message_count: int
    reply_count: int


class Accounts:
    """The Accounts API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, question: Mapping[str, object], cursor: str | None, limit: int) -> Paged[Account]:
        """The accounts that the question asks for."""
        return await self._api.get(PATH, Paged[Account], {**question, "cursor": cursor, "limit": limit})

    async def all(self, question: Mapping[str, object]) -> AsyncIterator[Account]:
        """All of them, page by page."""
        cursor = None
        while True:
            page = await self.page(question, cursor, LARGEST_PAGE)
            for account in page.items:
                yield account
            cursor = page.next_cursor
            if cursor is None:
                return

    async def summary(self) -> Summary:
        """Nodes and accounts by status."""
        return await self._api.get(f"{PATH}/summary", Summary)

    async def causes(self) -> list[Cause]:
        """Why accounts are in error or limited, the most frequent reason first."""
        return (await self._api.get(f"{PATH}/causes", Paged[Cause])).items

    async def one(self, node_id: str, account_id: str) -> Account:
        """An account on a node."""
        return await self._api.get(below(PATH, account_id), Account, {"node_id": node_id})

    async def changes(self, node_id: str, account_id: str, limit: int) -> list[Change]:
        """Its history, newest first."""
        path = below(PATH, account_id, "changes")
        return (await self._api.get(path, Paged[Change], {"node_id": node_id, "limit": limit})).items

    async def counts(self, node_id: str, account_id: str, hours: int) -> list[Count]:
        """What it heard and sent by hours, the newest first; hours without either are left out."""
        path = below(PATH, account_id, "counts")
        return (await self._api.get(path, Paged[Count], {"node_id": node_id, "hours": hours})).items
