"""The port to the broker's own users: what a node's login may do there, and that it may no more.

`broker.rabbit` and `broker.in_memory` implement it under one contract suite. A node's login reads its own queue and
publishes its own reports. It declares nothing, binds nothing, and reads no exchange, because who may read a direct
exchange may bind a queue of its own to anybody's orders. So the queue and its binding are made here as well.

Everything may be done again and raises `shared.messaging.Unavailable` when the broker's management API is away.
"""

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NodeLogin:
    """A node's login, its password only as the broker keeps it."""

    node_id: str
    password_hash: str = field(repr=False)


class BrokerAccess(Protocol):
    """See the module's docstring."""

    def username(self, node_id: str) -> str:
        """The name of a node's login."""
        ...

    async def grant(self, logins: Sequence[NodeLogin]) -> None:
        """Let these nodes in, with their queues; a login that is there gets this password."""
        ...

    async def cut_off(self, node_ids: Collection[str]) -> None:
        """Remove these logins with their queues, and close what they have open."""
        ...

    async def disconnect(self, node_id: str) -> None:
        """Close what a login has open: its password is another one now."""
        ...

    async def lock_out(self, node_ids: Collection[str]) -> None:
        """Close what these logins have open, and let them open nothing more until they are let in."""
        ...

    async def locked_out(self) -> set[str]:
        """The nodes whose logins may open nothing."""
        ...

    async def let_in(self, node_ids: Collection[str]) -> None:
        """Let them open connections again."""
        ...

    async def bound_queues(self) -> None:
        """Let no queue of reports or dead letters grow without an end."""
        ...

    async def granted(self) -> set[NodeLogin]:
        """The logins that are there whole, with all their permissions and their queue."""
        ...

    async def known(self) -> set[str]:
        """The nodes that have a login at all, whole or not."""
        ...

    async def holds(self, login: NodeLogin) -> bool:
        """Whether this one login is there, asked quickly: a broker that was erased has none."""
        ...


def password_hash(password: str, *, salt: bytes) -> str:
    """A password as RabbitMQ keeps it: four bytes of salt, and the SHA-256 of salt and password. In base64."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
