"""Logins of nodes on RabbitMQ, over its management API; for 3.10 to 4.x.

Many are imported as definitions, in one request: 250 nodes with all that is theirs take 0.7 s, and importing what is
there already changes nothing. After each import RabbitMQ collects the garbage of every process that it has, seconds of
work where many nodes are connected; so a few logins are put there one by one. A user that is deleted loses its
connections at once. On a virtual host that is not the default one its name is in the user's name, because users are
the whole broker's.
"""

import ssl
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from yarl import URL

from services.registry.broker import definitions
from services.registry.broker.definitions import DEFAULT_VHOST, Definition, queue_of
from services.registry.domain.broker_access import NodeLogin
from shared.contracts import names
from shared.messaging import Unavailable
from shared.tls import needed

log = structlog.get_logger(__name__)

# Up to so many are put there one by one, some five requests of a few milliseconds for each.
FEW = 25
# A request with this many takes a few seconds; they are imported one request after the other.
AT_ONCE = 1_000
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MANAGEMENT_PORT = 15672

# The limit of a user's connections, by RabbitMQ's name for it.
MOST_CONNECTIONS = "max-connections"


class RabbitAccess:
    """See the module's docstring. Without `management_url` the API is looked for on the broker's host."""

    def __init__(self, amqp_url: str, management_url: str | None, verify: ssl.SSLContext | bool = True) -> None:
        broker = URL(amqp_url)
        self._vhost = broker.path[1:] or DEFAULT_VHOST
        self._place = management_url or f"http://{broker.host}:{MANAGEMENT_PORT}"
        self._client = httpx.AsyncClient(
            base_url=self._place.rstrip("/"),
            auth=(broker.user or "guest", broker.password or "guest"),
            timeout=TIMEOUT,
            verify=needed(self._place, verify),
            # A proxy named in the environment is for the world, not for the broker next door.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def username(self, node_id: str) -> str:
        """The name of a node's login."""
        return definitions.username(self._vhost, node_id)

    async def grant(self, logins: Sequence[NodeLogin]) -> None:
        """Let these nodes in. Raises Unavailable."""
        if len(logins) <= FEW:
            await self._put(definitions.of_logins(self._vhost, logins))
            return
        for first in range(0, len(logins), AT_ONCE):
            some = definitions.of_logins(self._vhost, logins[first : first + AT_ONCE])
            await self._ask("POST", "/api/definitions", json=some)

    async def cut_off(self, node_ids: Collection[str]) -> None:
        """Remove these logins with their queues. Raises Unavailable."""
        for node_id in node_ids:
            await self._ask("DELETE", f"/api/users/{_quoted(self.username(node_id))}")
            await self._ask("DELETE", f"/api/queues/{_quoted(self._vhost)}/{_quoted(queue_of(node_id))}")

    async def disconnect(self, node_id: str) -> None:
        """Close a login's connections. Raises Unavailable."""
        path = f"/api/connections/username/{_quoted(self.username(node_id))}"
        await self._ask("DELETE", path, headers={"x-reason": "this node has joined anew"})

    async def lock_out(self, node_ids: Collection[str]) -> None:
        """Allow these logins no connection, and close those that are there. Raises Unavailable."""
        for node_id in node_ids:
            user = _quoted(self.username(node_id))
            await self._ask("PUT", f"/api/user-limits/{user}/{MOST_CONNECTIONS}", json={"value": 0})
            reason = {"x-reason": "this node sends more than anybody may"}
            await self._ask("DELETE", f"/api/connections/username/{user}", headers=reason)

    async def locked_out(self) -> set[str]:
        """The logins that may have no connection. Raises Unavailable."""
        limits = await self._list("/api/user-limits")
        locked = (self._node_of(str(each["user"])) for each in limits if each["value"].get(MOST_CONNECTIONS) == 0)
        return {node_id for node_id in locked if node_id is not None}

    async def let_in(self, node_ids: Collection[str]) -> None:
        """Take the limit away. Raises Unavailable."""
        for node_id in node_ids:
            user = _quoted(self.username(node_id))
            await self._ask("DELETE", f"/api/user-limits/{user}/{MOST_CONNECTIONS}")

    async def bound_queues(self) -> None:
        """Set the policies that are missing; they hold for queues that are there too. Raises Unavailable."""
        there = await self._list(f"/api/policies/{_quoted(self._vhost)}")
        missing = [policy for policy in definitions.bounds(self._vhost) if policy not in there]
        await self._put({"policies": missing})

    async def granted(self) -> set[NodeLogin]:
        """The logins that are there whole. Raises Unavailable."""
        hashes = await self._hashes()
        vhost = _quoted(self._vhost)
        permissions = await self._list(f"/api/vhosts/{vhost}/permissions")
        topics = await self._list(f"/api/vhosts/{vhost}/topic-permissions")
        queues = await self._list(f"/api/queues/{vhost}", columns="name", disable_stats="true")
        there = {str(queue["name"]) for queue in queues}
        bound = {str(each["destination"]) for each in await self._bindings()}
        whole = set(hashes)
        whole &= definitions.with_whole(self._vhost, permissions, definitions.permission)
        whole &= definitions.with_whole(self._vhost, topics, definitions.topic_permission)
        return {
            NodeLogin(node_id, hashes[node_id])
            for node_id in whole
            if queue_of(node_id) in there and queue_of(node_id) in bound
        }

    async def known(self) -> set[str]:
        """The nodes that have a login at all. Raises Unavailable."""
        return set(await self._hashes())

    async def holds(self, login: NodeLogin) -> bool:
        """Whether this one login is there. Raises Unavailable."""
        found = await self._ask("GET", f"/api/users/{_quoted(self.username(login.node_id))}")
        return found is not None and found.get("password_hash") == login.password_hash

    async def _put(self, some: definitions.Definitions) -> None:
        for kind, all_of_them in some.items():
            for definition in all_of_them:
                method, place, body = definitions.alone(kind, definition)
                await self._ask(method, place, json=body, needs_place=True)

    async def _hashes(self) -> dict[str, str]:
        found = await self._list("/api/users", columns="name,password_hash")
        named = ((self._node_of(str(user["name"])), user.get("password_hash")) for user in found)
        return {node_id: str(hashed) for node_id, hashed in named if node_id is not None}

    async def _bindings(self) -> list[Definition]:
        """What is bound to the exchange of commands; nothing where that is not there yet."""
        path = f"/api/exchanges/{_quoted(self._vhost)}/{_quoted(names.COMMANDS)}/bindings/source"
        return [
            binding
            for binding in await self._list(path, columns="destination,routing_key")
            if binding["destination"] == f"{binding['routing_key']}.commands"
        ]

    def _node_of(self, user: str) -> str | None:
        return definitions.node_of(self._vhost, user)

    async def _list(self, path: str, **query: str) -> list[Definition]:
        return await self._ask("GET", path, params=query) or []

    async def _ask(self, method: str, path: str, *, needs_place: bool = False, **request: Any) -> Any:
        """The JSON of the answer; None for what is not there, and for an answer without a body. Raises Unavailable.

        With `needs_place` what is not there is an error too: something was to be put there.
        """
        try:
            answer = await self._client.request(method, path, **request)
            if answer.status_code == httpx.codes.NOT_FOUND and not needs_place:
                return None
            if answer.is_success:
                return answer.json() if answer.content and method == "GET" else None
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(self._complaint(f"{type(error).__name__}: {error}")) from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            needed = "the login of CALLBOARD_AMQP_URL needs the tag 'administrator' to make logins for nodes"
            raise Unavailable(self._complaint(f"{answer.status_code}: {needed}"))
        raise Unavailable(self._complaint(f"{answer.status_code} to {method} {path}: {answer.text[:200]}"))

    def _complaint(self, what: str) -> str:
        return f"RabbitMQ's management API at {self._place} (CALLBOARD_MANAGEMENT_URL) answers: {what}"


def _quoted(name: str) -> str:
    return quote(name, safe="")
