"""Tokens, nodes' keys and the deployer's keys in memory: the twin of `store.access`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.registry.domain.broker_access import NodeLogin
from services.registry.domain.enrolments import Enrolment, NodeKeys
from shared.contracts.keys import TrustedKeys


@dataclass
class _Rows:
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    nodes: dict[str, NodeKeys] = field(default_factory=dict)
    keys: TrustedKeys | None = None

    def copy(self) -> "_Rows":
        return replace(self, enrolments=dict(self.enrolments), nodes=dict(self.nodes))


class InMemoryAccessTransaction:
    """An `AccessTransaction` on a copy of the rows."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    async def add_enrolment(self, enrolment: Enrolment) -> None:
        """Keep a new token."""
        self._rows.enrolments[enrolment.token_hash] = enrolment

    async def lock_enrolment(self, token_hash: str) -> Enrolment | None:
        """The token of this hash."""
        return self._rows.enrolments.get(token_hash)

    async def save_enrolment(self, enrolment: Enrolment) -> None:
        """Write a token."""
        self._rows.enrolments[enrolment.token_hash] = enrolment

    async def forget_enrolments(self, ended_before: datetime) -> int:
        """Delete old tokens."""
        old = [key for key, each in self._rows.enrolments.items() if each.expires_at < ended_before]
        for key in old:
            del self._rows.enrolments[key]
        return len(old)

    async def lock_node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node."""
        return self._rows.nodes.get(node_id)

    async def save_node(self, node: NodeKeys) -> None:
        """Write a node."""
        self._rows.nodes[node.node_id] = node

    async def keep_keys(self, keys: TrustedKeys) -> bool:
        """Keep the deployer's keys, unless newer ones are there."""
        if self._rows.keys is not None and self._rows.keys.serial >= keys.serial:
            return False
        self._rows.keys = keys
        return True

    async def trusted_keys(self) -> TrustedKeys | None:
        """The deployer's newest keys."""
        return self._rows.keys


class InMemoryAccessStore:
    """`AccessStore` in one process, one transaction at a time."""

    def __init__(self) -> None:
        self._rows = _Rows()
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InMemoryAccessTransaction]:
        """A transaction."""
        async with self._one_at_a_time:
            rows = self._rows.copy()
            yield InMemoryAccessTransaction(rows)
            self._rows = rows

    async def node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node."""
        return self._rows.nodes.get(node_id)

    async def node_of(self, token_hash: str) -> str | None:
        """The node whose own token this is."""
        found = (node for node in self._rows.nodes.values() if node.token_hash == token_hash)
        return next((node.node_id for node in found if node.revoked_at is None), None)

    async def logins(self) -> list[NodeLogin]:
        """The logins that the broker shall have."""
        nodes = self._rows.nodes.values()
        return [NodeLogin(node.node_id, node.broker_hash) for node in nodes if node.revoked_at is None]

    async def revoked(self) -> set[str]:
        """The nodes that are cut off."""
        return {node.node_id for node in self._rows.nodes.values() if node.revoked_at is not None}

    async def standing(self) -> str:
        """A text that changes with every node that joins or is revoked."""
        nodes = self._rows.nodes.values()
        revoked = sum(node.revoked_at is not None for node in nodes)
        return f"{len(nodes)} {revoked} {sum(node.changed_at.timestamp() for node in nodes)}"
