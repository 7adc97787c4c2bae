"""What `callboard up` asks of the running stack, through the console's HTTP API.

Reads are tolerant: only the fields that are shown are looked at. What does not answer is no error here: the summary
says what is away, and is asked for again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from services.cli.connection_file import KeptConnection
from services.cli.paths import DEPLOYMENTS, READY, SUMMARY, WORKERS
from services.cli.problems import read_problem
from shared.tls import needed

REQUEST_SECONDS = 5.0
# How often something is asked for that comes by itself.
ASK_SECONDS = 1.0
PAGE = 200
# A summary of more than this is no use on a terminal; the lists page through all.
MOST_PAGES = 50

UNREADABLE = (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError)
"""What comes of asking a console that is away, or of reading an answer that is not its own."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The fleet in numbers; the mappings count by status, without those that have none."""

    nodes: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0
    replies: int = 0
    deployments: int = 0


@dataclass(frozen=True, slots=True)
class Away:
    """The fleet cannot be seen now, for these reasons."""

    reasons: Sequence[str]


class FleetApi:
    """A client of the console. Raises UNREADABLE unless something else is said."""

    def __init__(self, connection: KeptConnection) -> None:
        headers = {"Authorization": f"Bearer {connection.token}"}
        self._http = httpx.AsyncClient(
            base_url=connection.url,
            headers=headers,
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=needed(connection.url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def look(self) -> Summary | Away:
        """The fleet now, or what was said instead. Raises nothing."""
        try:
            return await self.summary()
        except UNREADABLE as error:
            return Away([_told(error)])

    async def summary(self) -> Summary:
        """The fleet now."""
        answer = (await self._http.get(SUMMARY)).raise_for_status().json()
        return Summary(
            nodes=_counted(answer["nodes"]),
            accounts=_counted(answer["accounts"]),
            messages=int(answer["message_count"]),
            replies=int(answer["reply_count"]),
            deployments=len(await self.rows(DEPLOYMENTS)),
        )

    async def online_nodes(self) -> set[str]:
        """The ids of the nodes that are online."""
        return {str(row["node_id"]) for row in await self.rows(WORKERS) if row.get("status") == "online"}

    async def until_online(self, node_ids: frozenset[str]) -> None:
        """Wait for these nodes, for as long as it takes. Raises nothing."""
        while True:
            try:
                if node_ids <= await self.online_nodes():
                    return
            except UNREADABLE:
                pass  # The console is not there yet, or restarting: ask again.
            await asyncio.sleep(ASK_SECONDS)

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

    async def missing(self) -> list[str]:
        """What the console says is not ready; empty when it says that all is. Raises nothing."""
        try:
            answer = await self._http.get(READY)
            return [str(one) for one in answer.json()["missing"]]
        except UNREADABLE:
            return ["the console does not answer"]


def refusal(error: httpx.HTTPStatusError) -> str:
    """What a service said when it refused."""
    problem = read_problem(error.response)
    if problem is None:
        return f"an answer that is not Callboard's, with status {error.response.status_code}"
    return "; ".join([problem.sentence, *problem.details])


def _told(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return refusal(error)
    return f"the console's answer did not come whole ({type(error).__name__})"


def _counted(totals: Mapping[str, int]) -> dict[str, int]:
    return {status: number for status, number in totals.items() if number}
