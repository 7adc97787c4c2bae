"""Who runs which account: `…/accounts/{id}/assignment`, `…/workers/{id}/drain`, and the `…/policy` of both."""

from datetime import datetime

from services.console.clients.api import Api, Refused, View, below
from services.console.clients.nodes import Node

ACCOUNTS = "/api/v1/group-ai/accounts"
NODES = "/api/v1/workers"


class Assignment(View):
    """Which node has an account, and which one gets it next."""

    account_id: str
    state: str
    epoch: int
    node_id: str | None
    target: str | None
    reason: str | None
    origin: str
    in_vault: str | None
    takeover: str | None
    since: datetime | None


class Unplaceable(View):
    """An account that no other node takes, and why."""

    account_id: str
    reason: str


class Drain(View):
    """How far a node is drained."""

    draining: bool
    assigned: int
    leaving: int
    without_place: list[Unplaceable]


class Assignments:
    """The API of assignments."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def one(self, account_id: str) -> Assignment | None:
        """The assignment of an account; None where nobody has a login of it."""
        try:
            return await self._api.get(_path(account_id), Assignment)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def assign(self, account_id: str, node_id: str) -> Assignment:
        """Run it on this node."""
        return await self._api.post(_path(account_id), Assignment, {"node_id": node_id})

    async def release(self, account_id: str) -> None:
        """Run it nowhere."""
        await self._api.delete(_path(account_id))

    async def drain_of(self, node_id: str) -> Drain:
        """How far a node is drained."""
        return await self._api.get(below(NODES, node_id, "drain"), Drain)

    async def drain(self, node_id: str) -> Drain:
        """Send the node's accounts to others."""
        return await self._api.post(below(NODES, node_id, "drain"), Drain, {})

    async def undrain(self, node_id: str) -> None:
        """Let it have accounts again."""
        await self._api.delete(below(NODES, node_id, "drain"))

    async def set_node_policy(self, node_id: str, takeover: str, capacity: int | str | None) -> None:
        """Say what a node's accounts do when it is dead, and how many it may have; what is no number is refused."""
        body = {"takeover": takeover, "capacity": capacity}
        await self._api.put(below(NODES, node_id, "policy"), Node, body)

    async def set_account_policy(self, account_id: str, takeover: str | None) -> None:
        """Say what an account does when its node is dead; None: what is said of the node."""
        await self._api.put(below(ACCOUNTS, account_id, "policy"), Assignment, {"takeover": takeover})


def _path(account_id: str) -> str:
    return below(ACCOUNTS, account_id, "assignment")
