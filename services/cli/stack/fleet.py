"""What `callboard up` asks of the running stack, through the console's HTTP API.

Reads are tolerant: only the fields that are shown are looked at. A stack that does not answer is no error here: the
summary says so and is asked for again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from services.cli.stack.connection import Connection

REQUEST_SECONDS = 5.0
PAGE = 200
# A summary of more than this is no use on a terminal; the console pages through all.
MOST_PAGES = 50

WORKERS = "/api/v1/workers"
ACCOUNTS = "/api/v1/group-ai/accounts"
SCRIPTS = "/api/v1/group-ai/scripts"
DEPLOYMENTS = "/api/v1/group-ai/script-deployment/deployments"
DEPLOY = "/api/v1/group-ai/script-deployment/deploy"


@dataclass(frozen=True, slots=True)
class Summary:
    """The fleet in numbers; the mappings count by status."""

    nodes: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0
    replies: int = 0
    deployments: int = 0


class FleetApi:
    """A client of the console. Raises httpx.HTTPError."""

    def __init__(self, connection: Connection) -> None:
        headers = {"Authorization": f"Bearer {connection.token}"}
        self._http = httpx.AsyncClient(
            base_url=connection.url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def summary(self) -> Summary:
        """The fleet now."""
        nodes, accounts = await self.rows(WORKERS), await self.rows(ACCOUNTS)
        return Summary(
            nodes=Counter(str(row.get("status")) for row in nodes),
            accounts=Counter(str(row.get("status")) for row in accounts),
            messages=sum(int(row.get("message_count") or 0) for row in accounts),
            replies=sum(int(row.get("reply_count") or 0) for row in accounts),
            deployments=len(await self.rows(DEPLOYMENTS)),
        )

    async def online_nodes(self) -> set[str]:
        """The ids of the nodes that are online."""
        return {str(row["node_id"]) for row in await self.rows(WORKERS) if row.get("status") == "online"}

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            parameters = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            response = await self._http.get(path, params=parameters)
            response.raise_for_status()
            page = response.json()
            found += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                break
        return found

    async def post(self, path: str, **content: Any) -> dict[str, Any]:
        """Send something; the answer's body."""
        response = await self._http.post(path, **content)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
