"""Logins of nodes on RabbitMQ, over its management API; for 3.10 to 4.x.

Users are imported as definitions, many in one request: 250 nodes with all that is theirs take 0.7 s, and importing what
is there already changes nothing. A user that is deleted loses its connections at once. On a virtual host that is not
the default one its name is in the user's name, because users are the whole broker's.
"""

import re
import ssl
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from yarl import URL

from services.registry.domain.broker_access import NodeLogin
from shared.contracts import names
from shared.messaging import Unavailable
from shared.tls import needed

log = structlog.get_logger(__name__)

HASHING = "rabbit_password_hashing_sha256"
# A request with this many takes under a second; they are imported one request after the other.
AT_ONCE = 250
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MANAGEMENT_PORT = 15672
DEFAULT_VHOST = "/"
NOTHING = "^$"

# The limit of a user's connections, by RabbitMQ's name for it.
MOST_CONNECTIONS = "max-connections"

Definition = dict[str, Any]

# By policy, not by arguments, which a queue that is there already could not be given. Reports that find no room are
# refused to their node, whose ledger has them; of dead letters the oldest go.
BOUNDS: tuple[Definition, ...] = (
    {
        "name": "callboard.reports",
        "pattern": rf"^({'|'.join(map(re.escape, names.REPORT_QUEUES))})$",
        "apply-to": "queues",
        "priority": 0,
        "definition": {"max-length-bytes": names.MOST_REPORT_BYTES, "overflow": "reject-publish"},
    },
    {
        "name": "callboard.dead-letters",
        "pattern": rf"^{re.escape(names.DEAD_LETTERS_QUEUE)}$",
        "apply-to": "queues",
        "priority": 0,
        "definition": {"max-length": names.MOST_DEAD_LETTERS, "overflow": "drop-head"},
    },
)


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
        """`node.<node id>`, on another virtual host than the default one with `@<virtual host>` behind it."""
        return f"node.{node_id}" if self._vhost == DEFAULT_VHOST else f"node.{node_id}@{self._vhost}"

    async def grant(self, logins: Sequence[NodeLogin]) -> None:
        """Let these nodes in. Raises Unavailable."""
        for first in range(0, len(logins), AT_ONCE):
            await self._ask("POST", "/api/definitions", json=self._definitions(logins[first : first + AT_ONCE]))

    async def cut_off(self, node_ids: Collection[str]) -> None:
        """Remove these logins with their queues. Raises Unavailable."""
        for node_id in node_ids:
            await self._ask("DELETE", f"/api/users/{_quoted(self.username(node_id))}")
            await self._ask("DELETE", f"/api/queues/{_quoted(self._vhost)}/{_quoted(_queue_of(node_id))}")

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
        """Set the policies, which hold for queues that are there already as well. Raises Unavailable."""
        for policy in BOUNDS:
            path = f"/api/policies/{_quoted(self._vhost)}/{_quoted(policy['name'])}"
            await self._ask("PUT", path, json={name: value for name, value in policy.items() if name != "name"})

    async def granted(self) -> set[NodeLogin]:
        """The logins that are there whole. Raises Unavailable."""
        hashes = await self._hashes()
        whole = set(hashes)
        whole &= self._those_with(await self._list(f"/api/vhosts/{_quoted(self._vhost)}/permissions"), _permission)
        topics = await self._list(f"/api/vhosts/{_quoted(self._vhost)}/topic-permissions")
        whole &= self._those_with(topics, _topic_permission)
        queues = await self._list(f"/api/queues/{_quoted(self._vhost)}", columns="name", disable_stats="true")
        there = {str(queue["name"]) for queue in queues}
        bound = {str(each["destination"]) for each in await self._bindings()}
        return {
            NodeLogin(node_id, hashes[node_id])
            for node_id in whole
            if _queue_of(node_id) in there and _queue_of(node_id) in bound
        }

    async def known(self) -> set[str]:
        """The nodes that have a login at all. Raises Unavailable."""
        return set(await self._hashes())

    async def holds(self, login: NodeLogin) -> bool:
        """Whether this one login is there. Raises Unavailable."""
        found = await self._ask("GET", f"/api/users/{_quoted(self.username(login.node_id))}")
        return found is not None and found.get("password_hash") == login.password_hash

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

    def _those_with(self, rows: Iterable[Definition], wanted: Any) -> set[str]:
        found = ((self._node_of(str(row["user"])), row) for row in rows)
        return {
            node_id
            for node_id, row in found
            if node_id is not None and all(row.get(name) == value for name, value in wanted(node_id).items())
        }

    def _node_of(self, username: str) -> str | None:
        behind = "" if self._vhost == DEFAULT_VHOST else f"@{self._vhost}"
        if not username.startswith("node.") or not username.endswith(behind):
            return None
        node_id = username.removeprefix("node.").removesuffix(behind)
        return None if "@" in node_id else node_id

    def _definitions(self, logins: Sequence[NodeLogin]) -> Definition:
        """The logins as RabbitMQ imports them; the exchange of commands too, for a broker that was just erased."""
        queues = {login.node_id: names.node_commands_queue(login.node_id) for login in logins}
        here = {"vhost": self._vhost}
        return {
            "users": [
                {
                    "name": self.username(login.node_id),
                    "password_hash": login.password_hash,
                    "hashing_algorithm": HASHING,
                    "tags": "",
                }
                for login in logins
            ],
            "permissions": [here | {"user": self.username(node_id)} | _permission(node_id) for node_id in queues],
            "topic_permissions": [
                here | {"user": self.username(node_id)} | _topic_permission(node_id) for node_id in queues
            ],
            "exchanges": [
                here | {"name": each.name, "type": each.kind} | _LASTING | {"internal": False, "arguments": {}}
                for each in names.EXCHANGES
            ],
            "queues": [
                here | {"name": queue.name, "arguments": queue.arguments} | _LASTING for queue in queues.values()
            ],
            "policies": [here | policy for policy in BOUNDS],
            "bindings": [
                here
                | {"source": binding.exchange, "destination": queue.name, "destination_type": "queue"}
                | {"routing_key": binding.key, "arguments": {}}
                for queue in queues.values()
                for binding in queue.bindings
            ],
        }

    async def _list(self, path: str, **query: str) -> list[Definition]:
        return await self._ask("GET", path, params=query) or []

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of the answer; None for what is not there, and for an answer without a body. Raises Unavailable."""
        try:
            answer = await self._client.request(method, path, **request)
            if answer.status_code == httpx.codes.NOT_FOUND:
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


_LASTING: Definition = {"durable": True, "auto_delete": False}


def _permission(node_id: str) -> dict[str, str]:
    """Declare nothing, publish to the events, read its own queue."""
    return {
        "configure": NOTHING,
        "write": f"^{re.escape(names.EVENTS)}$",
        "read": f"^{re.escape(_queue_of(node_id))}$",
    }


def _topic_permission(node_id: str) -> dict[str, str]:
    """Publish its own reports alone."""
    words = "|".join(names.REPORT_WORDS)
    return {"exchange": names.EVENTS, "write": rf"^node\.{re.escape(node_id)}\.({words})$", "read": NOTHING}


def _queue_of(node_id: str) -> str:
    return names.node_commands_queue(node_id).name


def _quoted(name: str) -> str:
    return quote(name, safe="")
