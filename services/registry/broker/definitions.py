"""What nodes are to RabbitMQ, as its management API writes it down: users, permissions, queues, bindings, policies.

A definition is a JSON object with all of a thing in it. Many are imported in one request; one has a place of its own in
the API, at which it is put there alone.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from services.registry.domain.broker_access import NodeLogin
from shared.contracts import names

HASHING = "rabbit_password_hashing_sha256"
DEFAULT_VHOST = "/"
NOTHING = "^$"

Definition = dict[str, Any]
# Lists of definitions by what they are, in the order in which one needs the other.
Definitions = dict[str, list[Definition]]

_LASTING: Definition = {"durable": True, "auto_delete": False}

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

# Where each is put alone, and which of its fields are in that path.
_PLACES = {
    "users": ("/api/users/{name}", ("name",)),
    "permissions": ("/api/permissions/{vhost}/{user}", ("vhost", "user")),
    "exchanges": ("/api/exchanges/{vhost}/{name}", ("vhost", "name")),
    "topic_permissions": ("/api/topic-permissions/{vhost}/{user}", ("vhost", "user")),
    "queues": ("/api/queues/{vhost}/{name}", ("vhost", "name")),
    "bindings": (
        "/api/bindings/{vhost}/e/{source}/q/{destination}",
        ("vhost", "source", "destination", "destination_type"),
    ),
    "policies": ("/api/policies/{vhost}/{name}", ("vhost", "name")),
}


def username(vhost: str, node_id: str) -> str:
    """`node.<node id>`, on another virtual host than the default one with `@<virtual host>` behind it."""
    return f"node.{node_id}" if vhost == DEFAULT_VHOST else f"node.{node_id}@{vhost}"


def node_of(vhost: str, user: str) -> str | None:
    """The node whose login on this virtual host has the name; None if it is nobody's."""
    behind = "" if vhost == DEFAULT_VHOST else f"@{vhost}"
    if not user.startswith("node.") or not user.endswith(behind):
        return None
    node_id = user.removeprefix("node.").removesuffix(behind)
    return None if "@" in node_id else node_id


def of_logins(vhost: str, logins: Sequence[NodeLogin]) -> Definitions:
    """All that these logins need; the exchanges too, for a broker that was just erased."""
    here = {"vhost": vhost}
    users = {login.node_id: username(vhost, login.node_id) for login in logins}
    queues = [names.node_commands_queue(node_id) for node_id in users]
    return {
        "users": [
            {
                "name": users[login.node_id],
                "password_hash": login.password_hash,
                "hashing_algorithm": HASHING,
                "tags": "",
            }
            for login in logins
        ],
        "permissions": [here | {"user": user} | permission(node_id) for node_id, user in users.items()],
        "exchanges": [
            here | {"name": each.name, "type": each.kind} | _LASTING | {"internal": False, "arguments": {}}
            for each in names.EXCHANGES
        ],
        "topic_permissions": [here | {"user": user} | topic_permission(node_id) for node_id, user in users.items()],
        "queues": [here | {"name": queue.name, "arguments": queue.arguments} | _LASTING for queue in queues],
        "bindings": [
            here
            | {"source": binding.exchange, "destination": queue.name, "destination_type": "queue"}
            | {"routing_key": binding.key, "arguments": {}}
            for queue in queues
            for binding in queue.bindings
        ],
    }


def bounds(vhost: str) -> list[Definition]:
    """The policies that let no queue grow without an end."""
    return [{"vhost": vhost} | policy for policy in BOUNDS]


def alone(kind: str, definition: Definition) -> tuple[str, str, Definition]:
    """The method, path and body that put this one definition there."""
    path, in_path = _PLACES[kind]
    place = path.format(**{name: quote(definition[name], safe="") for name in in_path})
    body = {name: value for name, value in definition.items() if name not in in_path}
    # A binding has no name: RabbitMQ gives it one.
    return "POST" if kind == "bindings" else "PUT", place, body


def permission(node_id: str) -> dict[str, str]:
    """Declare nothing, publish to the events, read its own queue."""
    return {
        "configure": NOTHING,
        "write": f"^{re.escape(names.EVENTS)}$",
        "read": f"^{re.escape(queue_of(node_id))}$",
    }


def topic_permission(node_id: str) -> dict[str, str]:
    """Publish its own reports alone."""
    words = "|".join(names.REPORT_WORDS)
    return {"exchange": names.EVENTS, "write": rf"^node\.{re.escape(node_id)}\.({words})$", "read": NOTHING}


def queue_of(node_id: str) -> str:
    """The name of the node's queue."""
    return names.node_commands_queue(node_id).name


def with_whole(vhost: str, rows: Iterable[Definition], wanted: Any) -> set[str]:
    """The nodes whose row has all that `wanted` gives for them: `permission` or `topic_permission`."""
    found = ((node_of(vhost, str(row["user"])), row) for row in rows)
    return {
        node_id
        for node_id, row in found
        if node_id is not None and all(row.get(name) == value for name, value in wanted(node_id).items())
    }
