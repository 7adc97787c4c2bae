"""`/api/v1/workers`: the nodes of the fleet."""

from collections.abc import Mapping
from datetime import datetime

from services.console.clients.api import Api, Paged, View, below
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import Resources

PATH = "/api/v1/workers"
# More than that are not chosen from a list.
MOST_HOSTS = 500


class Tally(View):
    """How many of a script's own tests ran on the node, and passed."""

    passed: int
    total: int


class Loaded(View):
    """What a node runs now."""

    kind: str
    id: str
    version: int
    hash: str
    tests: Tally | None
    file: str | None = None


class Node(View):
    """One node."""

    node_id: str
    status: NodeStatus
    source: str
    hostname: str
    agent_version: str
    labels: dict[str, str]
    account_count: int
    artifacts: list[Loaded]
    takes_assignments: bool = False
    enrolled: bool = False
    assigned: int = 0
    excluded: tuple[str, ...] = ()
    takeover: str = "wait"
    capacity: int | None = None
    draining: bool = False
    resources: Resources | None = None
    lease_until: datetime | None
    last_heartbeat_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Nodes:
    """The Workers API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, question: Mapping[str, object], cursor: str | None, limit: int) -> Paged[Node]:
        """Nodes by id."""
        return await self._api.get(PATH, Paged[Node], {**question, "cursor": cursor, "limit": limit})

    async def one(self, node_id: str) -> Node:
        """A node."""
        return await self._api.get(below(PATH, node_id), Node)

    async def hosts(self) -> list[Node]:
        """The first of the nodes that an account may be given to."""
        online = await self.page({"status": "online"}, None, MOST_HOSTS)
        return [node for node in online.items if node.takes_assignments]
